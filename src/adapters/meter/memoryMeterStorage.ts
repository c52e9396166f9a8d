import type { MeterState, MeterStorage } from '../../ports/meterStorage.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** What outlives the holders of a meter that is kept in memory: the twin of a file. */
export type MeterMemory = { state?: MeterState; isHeld?: boolean }

/**
 * Keeps a meter in memory, for tests and simulated neighbourhoods. Throws `meter/locked` where
 * the memory has a holder.
 */
export function openMeterMemory(memory: MeterMemory = {}): MeterStorage {
  if (memory.isHeld === true) throw new SpbError('meter/locked')
  memory.isHeld = true
  let isClosed = false
  return {
    load: () => memory.state,
    save(state) {
      if (isClosed) throw new SpbError('store/failed', 'The meter’s storage is closed.')
      // States are never changed in place, so that keeping one costs nothing.
      memory.state = state
    },
    close() {
      if (!isClosed) memory.isHeld = false
      isClosed = true
    },
  }
}
