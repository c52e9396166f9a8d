import type { MeterState, MeterStorage } from '../../ports/meterStorage.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** A meter's state in memory, and how often it was saved before. */
export type SavedInMemory = { state: MeterState; generation: number }

/** What outlives the holders of a meter that is kept in memory: the twin of a file. */
export type MeterMemory = {
  saved?: SavedInMemory
  /** The guard's twin: the last generation that was saved. */
  lastGeneration?: number
  isHeld?: boolean
}

/**
 * Keeps a meter in memory, for tests and simulated neighbourhoods. Throws `meter/locked` where
 * the memory has a holder.
 */
export function openMeterMemory(memory: MeterMemory = {}): MeterStorage {
  if (memory.isHeld === true) throw new SpbError('meter/locked')
  memory.isHeld = true
  let isClosed = false
  return {
    load() {
      const { saved, lastGeneration } = memory
      if (saved === undefined || saved.generation === lastGeneration) return saved?.state
      return { ...saved.state, isRestored: true }
    },
    save(state) {
      if (isClosed) throw new SpbError('store/failed', 'The meter’s storage is closed.')
      // States are never changed in place, so that keeping one costs nothing.
      const generation = Math.max(memory.lastGeneration ?? 0, memory.saved?.generation ?? 0) + 1
      memory.saved = { state, generation }
      memory.lastGeneration = generation
    },
    close() {
      if (!isClosed) memory.isHeld = false
      isClosed = true
    },
  }
}
