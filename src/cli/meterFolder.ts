import { randomBytes, randomInt } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openKeyFile } from '../adapters/keys/keyFile.ts'
import { createMeterFile, openMeterFile, readMeterFile } from '../adapters/meter/meterFile.ts'
import { createManufacturer, type Manufacturer } from '../meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../meter/manufactureSoftwareMeter.ts'
import { openSoftwareMeter, type SoftwareMeter } from '../meter/softwareMeter.ts'
import { chooseWitness, type Witness } from '../meter/witness.ts'
import type { OpenMeterState } from '../ports/meterStorage.ts'
import { type Address, bytesToHex } from '../protocol/bytes.ts'
import { addressOf } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { type DataFolder, listNames, parseName } from './dataFolder.ts'
import { nodeKeyPath, openNodeKey } from './nodeKeys.ts'

const tenYearsSeconds = 10 * 365 * 86_400
const streetMeters = 3

/** Where a meter's file is: of this household, or of the neighbours. */
type MeterPlace = { folder: string; name: string }

const pathOf = ({ folder, name }: MeterPlace): string => join(folder, `${name}.json`)

/**
 * Stands for the tamper-resistant part of all meters of a data folder: meters serve without a
 * person's password, so whoever can read this file can sign receipts.
 */
function readDeviceSecret({ path }: DataFolder): string {
  return bytesToHex(openKeyFile(join(path, 'device.key')))
}

function makeMeter(folder: DataFolder, place: MeterPlace, nowSeconds: Seconds): SoftwareMeter {
  const storage = createMeterFile(pathOf(place), readDeviceSecret(folder))
  try {
    return manufactureSoftwareMeter(
      {
        name: place.name,
        seed: Uint8Array.from(randomBytes(32)),
        manufacturer: openManufacturer(folder),
        notAfterSeconds: seconds(nowSeconds + tenYearsSeconds),
      },
      storage,
    )
  } catch (error) {
    storage.close()
    throw error
  }
}

function openManufacturer(folder: DataFolder): Manufacturer {
  return createManufacturer(openNodeKey(folder, 'manufacturer'))
}

/** The folder's development manufacturer; undefined where it has none. */
export function manufacturerOf(folder: DataFolder): Address | undefined {
  if (!existsSync(nodeKeyPath(folder, 'manufacturer'))) return undefined
  return addressOf(openNodeKey(folder, 'manufacturer'))
}

/** Makes the neighbours' meters where there are none, so that the first meter finds a witness. */
export function makeStreetMeters(folder: DataFolder, nowSeconds: Seconds): void {
  for (let number = 1; number <= streetMeters; number++) {
    const place = { folder: folder.street, name: `street-${number}` }
    if (!existsSync(pathOf(place))) makeMeter(folder, place, nowSeconds).close()
  }
}

/** Makes a meter of the household; it has no keys before its first tree is witnessed. */
export function createMeter(folder: DataFolder, name: string, nowSeconds: Seconds): SoftwareMeter {
  return makeMeter(folder, { folder: folder.meters, name: parseName(name) }, nowSeconds)
}

/** Opens a meter of the household. Throws what `openMeterFile` does, and `input/name`. */
export function openMeter(folder: DataFolder, name: string): SoftwareMeter {
  return openAt(folder, { folder: folder.meters, name: parseName(name) })
}

function openAt(folder: DataFolder, place: MeterPlace): SoftwareMeter {
  const path = pathOf(place)
  if (!existsSync(path)) throw unknownMeter(folder, place.name)
  const storage = openMeterFile(path, readDeviceSecret(folder))
  try {
    return openSoftwareMeter(storage)
  } catch (error) {
    storage.close()
    throw error
  }
}

function unknownMeter(folder: DataFolder, name: string): SpbError {
  const names = listNames(folder.meters)
  const hint = names.length === 0 ? {} : { hint: `Yours: ${names.join(', ')}.` }
  return new SpbError('meter/unknown', `There is no meter “${name}”.`, hint)
}

/** The household's meters, as their files say openly. Throws `meter/damaged`. */
export function readMeters(folder: DataFolder): OpenMeterState[] {
  return listNames(folder.meters).map((name) =>
    readMeterFile(pathOf({ folder: folder.meters, name })),
  )
}

/**
 * Which meter is meant: the one that was named, else that of the account's name, else the only
 * one there is.
 *
 * Throws `meter/unknown`, `input/option` where several are there.
 */
export function chooseMeterName(folder: DataFolder, named?: string, account?: string): string {
  const names = listNames(folder.meters)
  if (named !== undefined) {
    if (names.includes(parseName(named))) return named
    throw unknownMeter(folder, named)
  }
  if (names.length === 0) throw new SpbError('meter/unknown', 'You have no meter yet.')
  if (account !== undefined && names.includes(account)) return account
  if (names.length === 1) return names[0]!
  throw new SpbError('input/option', 'You have several meters.', {
    hint: `Say which: --meter ${names.join(' | ')}.`,
  })
}

/** A meter of the data folder as a witness; it is opened only when it is asked. */
function witnessAt(folder: DataFolder, place: MeterPlace, nowSeconds: Seconds): Witness {
  const { certificate, manufacturerSignature } = readMeterFile(pathOf(place))
  return {
    signedCertificate: { certificate, manufacturerSignature },
    async certify(request) {
      const meter = openAt(folder, place)
      try {
        const own = manufacturerOf(folder)
        return meter.certify(request, { nowSeconds, isTrusted: (maker) => maker === own })
      } finally {
        meter.close()
      }
    },
  }
}

/** Another meter of the data folder, chosen at random. Throws `meter/no-witness`. */
export function pickWitness(folder: DataFolder, owner: Address, nowSeconds: Seconds): Witness {
  const places = [folder.street, folder.meters].flatMap((path) =>
    listNames(path).map((name) => ({ folder: path, name })),
  )
  const candidates = places.map((place) => witnessAt(folder, place, nowSeconds))
  return chooseWitness(candidates, owner, (bound) => randomInt(bound))
}
