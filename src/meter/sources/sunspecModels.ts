import { SpbError } from '../../protocol/spbError.ts'
import { type Registers, readAcc32, readFloatWh, readScale, scaledWh } from './sunspecRegisters.ts'

/** What a SunSpec model counts. */
export type SunspecEnergy = { importWh: number; exportWh?: number }

/** Where a model keeps its energy; places count from its ID register. */
export type SunspecModel = {
  ids: readonly number[]
  kind: 'meter' | 'inverter'
  /** Imported energy; an inverter has none. */
  importAt?: number
  exportAt: number
  /** Scale factor of acc32 counters; without one they are float32. */
  scaleAt?: number
}

/**
 * Models with energy: meters as whole numbers and as floats, inverters likewise (SunSpec Device
 * Information Model, 101-103, 111-113, 201-204, 211-214).
 */
const sunspecModels: readonly SunspecModel[] = [
  { ids: [201, 202, 203, 204], kind: 'meter', exportAt: 38, importAt: 46, scaleAt: 54 },
  { ids: [211, 212, 213, 214], kind: 'meter', exportAt: 60, importAt: 68 },
  { ids: [101, 102, 103], kind: 'inverter', exportAt: 24, scaleAt: 26 },
  { ids: [111, 112, 113], kind: 'inverter', exportAt: 32 },
]

/** The numbers of all models with energy. */
export const sunspecModelIds: readonly number[] = sunspecModels.flatMap(({ ids }) => ids)

/** The model of a number; undefined for models without energy. */
export function findSunspecModel(id: number): SunspecModel | undefined {
  return sunspecModels.find(({ ids }) => ids.includes(id))
}

/** Registers from a model's ID to its last one that is needed. */
export function countRegisters({ importAt = 0, exportAt, scaleAt = 0 }: SunspecModel): number {
  return Math.max(importAt + 2, exportAt + 2, scaleAt + 1)
}

/**
 * A model's energy, read from its registers. An inverter imports nothing.
 *
 * Throws `source/not-implemented` where the device does not count what the model is for, and
 * `source/value`.
 */
export function readSunspecEnergy(model: SunspecModel, registers: Registers): SunspecEnergy {
  const read = (at: number): number | undefined => {
    if (model.scaleAt === undefined) return readFloatWh(registers, at)
    const count = readAcc32(registers, at)
    return count === undefined ? undefined : scaledWh(count, readScale(registers, model.scaleAt))
  }
  const importWh = model.importAt === undefined ? 0 : read(model.importAt)
  const exportWh = read(model.exportAt)
  if (importWh === undefined || (model.kind === 'inverter' && exportWh === undefined)) {
    throw new SpbError('source/not-implemented')
  }
  return exportWh === undefined ? { importWh } : { importWh, exportWh }
}
