import { join } from 'node:path'
import { openMeterMemory } from '../src/adapters/meter/memoryMeterStorage.ts'
import { createMeterFile } from '../src/adapters/meter/meterFile.ts'
import { createLocalWitness } from '../src/meter/localWitness.ts'
import { createManufacturer } from '../src/meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../src/meter/manufactureSoftwareMeter.ts'
import { createSeedSigner } from '../src/meter/meterKeys.ts'
import { createTimeParser } from '../src/meter/profiles/timeParser.ts'
import { openSoftwareMeter, type SoftwareMeter } from '../src/meter/softwareMeter.ts'
import { parseJsonPath } from '../src/meter/sources/jsonPath.ts'
import { readMqttMessage } from '../src/meter/sources/mqttMessage.ts'
import { createP1Reader } from '../src/meter/sources/p1Reader.ts'
import { P1Stream } from '../src/meter/sources/p1Stream.ts'
import type { ReadingSource, SourceListener } from '../src/meter/sources/readingSource.ts'
import type { MeterReading } from '../src/ports/meterReading.ts'
import type { MeterSigner } from '../src/ports/meterSigner.ts'
import type {
  MeterBinding,
  MeterState,
  MeterStorage,
  MeterTree,
} from '../src/ports/meterStorage.ts'
import { type Address, bytesToHex } from '../src/protocol/bytes.ts'
import type { Market } from '../src/protocol/digest.ts'
import { addressOf } from '../src/protocol/signature.ts'
import { assert } from '../src/protocol/spbError.ts'
import { standingOf } from '../src/protocol/standing.ts'
import { maxUint40, seconds, wei, wh } from '../src/protocol/units.ts'
import { writeP1Telegram } from '../src/simulator/devices/p1TelegramText.ts'
import type { CpuTime } from './cpuTime.ts'
import { keyOf } from './world.ts'

/** How a street's meters are. */
export type StreetOptions = {
  meters: number
  /** So many of them keep their state in files, each save synced; the others in memory. */
  onDisk: number
  /** CTPs that each had before, all over and kept. */
  pastCtps: number
  folder: string
  /** Counts the saves of those on disk. */
  saves: CpuTime
}

/** A meter of the street, and how a reading comes to it: `show` prepares what `deliver` does. */
export type StreetMeter = {
  meter: SoftwareMeter
  source: ReadingSource
  show(reading: MeterReading): void
  deliver(): void
}

/** One in ten speaks P1, one in ten MQTT; the others' readings come as from a file. */
const tenth = 10
export const streetStartSeconds = seconds(1_800_000_000)
export const streetMarket: Market = { chainId: 31_337, address: `0x${'be'.repeat(20)}` }
export const streetConsumer = addressOf(keyOf('consumer'))
export const streetProducer = addressOf(keyOf('producer'))
const manufacturer = createManufacturer(keyOf('manufacturer'))
const notAfterSeconds = seconds(streetStartSeconds + 365 * 86_400)
const endsSeconds = seconds(maxUint40)
const standing = standingOf({
  manufacturers: [{ manufacturer: manufacturer.address, endsSeconds }],
  revokedMeters: [],
})
const nowSeconds = () => streetStartSeconds

function makeStorage(index: number, { onDisk, folder, saves }: StreetOptions): MeterStorage {
  if (index >= onDisk) return openMeterMemory()
  const file = createMeterFile(join(folder, `${index}.json`), 'password')
  return { ...file, save: (state) => saves.count(() => file.save(state)) }
}

function makePastBinding(tree: number, leaf: number, order: number): MeterBinding {
  const key = keyOf(`past ${tree} ${leaf}`)
  const measuredAtSeconds = seconds(streetStartSeconds - 3_600)
  const [energyWh, amountWei] = [wh(250), wei(10n ** 15n)]
  const delivered = { deliveredWh: energyWh, signedWh: energyWh, acknowledgedWh: energyWh }
  return {
    ...{ leaf, order, ctpId: bytesToHex(key), consumer: streetConsumer },
    ctp: {
      ...{ producer: streetProducer, offerId: 1n, amountWei, energyWh, nonce: order },
      ...{ expirySeconds: measuredAtSeconds, meterKey: bytesToHex(key.subarray(12)) },
    },
    ...{ ...delivered, measuredAtSeconds, isReleased: false },
  }
}

/** A state as it is after so many trades; what its old trees hold is never used again. */
function addPast(state: MeterState, pastCtps: number): MeterState {
  const newest = state.trees.at(-1)!
  const size = 2 ** newest.height
  const trees: MeterTree[] = []
  for (let order = 0; order < pastCtps; ) {
    const number = 1 + trees.length
    const count = Math.min(pastCtps - order, size)
    const bindings = Array.from({ length: count }, (_, leaf) =>
      makePastBinding(number, leaf, order + leaf),
    )
    order += count
    trees.push({ ...newest, number, bindings, nextLeaf: size })
  }
  const nextTree = 1 + trees.length
  return { ...state, nextOrder: pastCtps, nextTree, trees: [...trees, newest] }
}

/** A signer that derives a tree's keys once, as a running meter does. */
function rememberKeys(signer: MeterSigner): MeterSigner {
  const known = new Map<number, Address[]>()
  return {
    ...signer,
    leafKeys(tree, height) {
      const keys = known.get(tree) ?? signer.leafKeys(tree, height)
      known.set(tree, keys)
      return keys
    },
  }
}

async function makeMeter(index: number, options: StreetOptions, neighbour: SoftwareMeter) {
  const signer = rememberKeys(createSeedSigner(keyOf(`street ${index}`)))
  const name = `street-${index}`
  const young = manufactureSoftwareMeter(
    { name, signer, manufacturer, notAfterSeconds },
    openMeterMemory(),
  )
  const witness = createLocalWitness(neighbour, { standing, nowSeconds })
  await young.renew(streetMarket, witness, { nowSeconds: streetStartSeconds, standing })
  const storage = makeStorage(index, options)
  storage.save(addPast(young.state, options.pastCtps))
  const meter = openSoftwareMeter(storage, { signer })
  // A running meter has grown its tree when it took its first key.
  meter.takeKey(seconds(streetStartSeconds + 3_600))
  return meter
}

/** How a reading comes: as it is, as a telegram's bytes, or as a message's. */
function makeWay(index: number, tell: (reading: MeterReading) => void) {
  if (index % tenth === 0) {
    const reader = createP1Reader(() => 0)
    const onRefused = (error: Error) => {
      throw error
    }
    const stream = new P1Stream({ onTelegram: (bytes) => tell(reader.read(bytes)), onRefused })
    return {
      write: (reading: MeterReading) =>
        Buffer.from(writeP1Telegram({ ...reading, exportWh: 0 }, `METER-${index}`)),
      read: (bytes: Uint8Array) => stream.push(bytes),
    }
  }
  const fields = {
    ...{ import: parseJsonPath('$.ENERGY.Total', 'import'), unit: 'kWh' as const },
    ...{ time: parseJsonPath('$.Time', 'time'), parseTime: createTimeParser() },
  }
  return {
    write: ({ timeSeconds, importWh }: MeterReading) =>
      Buffer.from(JSON.stringify({ Time: timeSeconds, ENERGY: { Total: importWh / 1000 } })),
    read: (payload: Uint8Array) =>
      tell(readMqttMessage({ payload, isRetained: false, atMs: 0 }, fields)),
  }
}

function makeSource(index: number): Omit<StreetMeter, 'meter'> {
  let listener: SourceListener | undefined
  let shown: MeterReading | undefined
  let bytes: Uint8Array | undefined
  const tell = (reading: MeterReading) => {
    assert(listener !== undefined, 'the source was started')
    listener.onReading(reading)
  }
  const way = index % tenth < 2 ? makeWay(index, tell) : undefined
  return {
    source: {
      name: `street ${index}`,
      start: (given) => {
        listener = given
      },
      close: async () => undefined,
    },
    show(reading) {
      shown = reading
      bytes = way?.write(reading)
    },
    deliver() {
      if (way !== undefined && bytes !== undefined) way.read(bytes)
      else tell(shown!)
    },
  }
}

/** Makes a street of meters, each with a tree of 256 keys that a neighbour witnessed. */
export async function makeStreet(options: StreetOptions): Promise<StreetMeter[]> {
  const neighbour = manufactureSoftwareMeter(
    { name: 'neighbour', seed: keyOf('neighbour'), manufacturer, notAfterSeconds },
    openMeterMemory(),
  )
  const street: StreetMeter[] = []
  for (let index = 0; index < options.meters; index++) {
    street.push({ meter: await makeMeter(index, options, neighbour), ...makeSource(index) })
  }
  return street
}
