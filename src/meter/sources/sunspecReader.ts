import { SpbError } from '../../protocol/spbError.ts'
import { sourceLimits } from './sourceLimits.ts'
import {
  countRegisters,
  findSunspecModel,
  readSunspecEnergy,
  type SunspecEnergy,
  type SunspecModel,
} from './sunspecModels.ts'
import { type Registers, readRegisterText } from './sunspecRegisters.ts'

/** Reads so many holding registers from an address on; throws `source/*`. */
export type RegisterReader = (address: number, count: number) => Promise<Registers>

/** Where a device keeps its energy. */
export type SunspecPlace = {
  model: SunspecModel
  id: number
  length: number
  /** Address of the model's ID. */
  address: number
  /** Address of the ID of the common model before it, where there is one. */
  commonAddress?: number
}

const bases = [40_000, 50_000, 0]
const marker = [0x5375, 0x6e53]
const commonId = 1
const commonLength = 65
const endId = 0xffff
const addresses = 0x1_0000
const [makerAt, serialAt, textLength] = [2, 50, 16]

/**
 * Looks for a device's models from its base address (40000, 50000 or 0) on, and takes the first
 * meter, else the first inverter; or the first model of the number asked for.
 *
 * Throws `source/no-sunspec`, `source/no-model` and what reading throws.
 */
export async function findSunspecPlace(
  read: RegisterReader,
  wantedId?: number,
): Promise<SunspecPlace> {
  const base = await findBase(read)
  let inverter: SunspecPlace | undefined
  let commonAddress: number | undefined
  let address = base + marker.length
  for (let count = 0; count < sourceLimits.sunspecModels; count++) {
    if (address + 2 > addresses) throw brokenChain(address)
    const [id = endId, length = 0] = await read(address, 2)
    if (id === endId) break
    if (id === commonId && length >= commonLength) commonAddress = address
    const model = findSunspecModel(id)
    if (model !== undefined && length + 2 >= countRegisters(model)) {
      const common = commonAddress === undefined ? {} : { commonAddress }
      const place = { model, id, length, address, ...common }
      if (id === wantedId || (wantedId === undefined && model.kind === 'meter')) return place
      inverter ??= place
    }
    address += 2 + length
  }
  if (wantedId === undefined && inverter !== undefined) return inverter
  throw new SpbError(
    'source/no-model',
    wantedId === undefined ? undefined : `The device has no model ${wantedId}.`,
  )
}

async function findBase(read: RegisterReader): Promise<number> {
  let silence: SpbError | undefined
  for (const base of bases) {
    try {
      const found = await read(base, marker.length)
      if (found[0] === marker[0] && found[1] === marker[1]) return base
    } catch (error) {
      // Some devices keep silent about addresses that they do not have, instead of refusing them.
      if (!(error instanceof SpbError)) throw error
      if (error.code === 'source/silent') silence = error
      else if (error.code !== 'source/modbus-exception') throw error
    }
  }
  throw silence ?? new SpbError('source/no-sunspec')
}

const brokenChain = (address: number): SpbError =>
  new SpbError('source/no-sunspec', `The device’s list of models breaks off at ${address}.`)

/**
 * Reads a device's energy, and who it is, so that another device in its place is noticed.
 *
 * Throws `source/no-model` where the model is no longer there, what `readSunspecEnergy` throws, and
 * what reading throws.
 */
export async function readSunspecPlace(
  read: RegisterReader,
  { model, id, length, address, commonAddress }: SunspecPlace,
): Promise<SunspecEnergy & { serial?: string }> {
  // One request: counters and scale belong together.
  const registers = await read(address, countRegisters(model))
  if (registers[0] !== id || registers[1] !== length) {
    throw new SpbError('source/no-model', `The model ${id} has moved.`)
  }
  const energy = readSunspecEnergy(model, registers)
  if (commonAddress === undefined) return energy
  const common = await read(commonAddress, serialAt + textLength)
  const serial = [makerAt, serialAt]
    .map((at) => readRegisterText(common, at, textLength))
    .filter((text) => text !== '')
    .join(' ')
  return serial === '' ? energy : { ...energy, serial }
}
