import { randomBytes } from 'node:crypto'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { openKeyFile } from '../adapters/keys/keyFile.ts'
import { createMeterFile, openMeterFile, readMeterFile } from '../adapters/meter/meterFile.ts'
import {
  createManufacturer,
  type Manufacturer,
  type SignedMeterCertificate,
} from '../meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../meter/manufactureSoftwareMeter.ts'
import { openSoftwareMeter, type SoftwareMeter } from '../meter/softwareMeter.ts'
import type { OpenMeterState } from '../ports/meterStorage.ts'
import { type Address, type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { addressOf } from '../protocol/signature.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
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
  const place = { folder: folder.meters, name: parseName(name) }
  if (existsSync(pathOf(place))) throw new SpbError('meter/exists')
  return makeMeter(folder, place, nowSeconds)
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
    return openSoftwareMeter(storage, { nowSeconds: seconds(Math.floor(Date.now() / 1000)) })
  } catch (error) {
    storage.close()
    throw error
  }
}

/**
 * Gives a meter of the household a new certificate of its manufacturer: before the old one ends.
 *
 * Throws `meter/certificate-invalid` for one of another meter, and what `openMeterFile` does.
 */
export function installCertificate(
  folder: DataFolder,
  name: string,
  signed: SignedMeterCertificate,
): void {
  const path = pathOf({ folder: folder.meters, name: parseName(name) })
  if (!existsSync(path)) throw unknownMeter(folder, name)
  const storage = openMeterFile(path, readDeviceSecret(folder))
  try {
    const state = storage.load()
    assert(state !== undefined, 'a meter’s file that opened holds a state')
    if (signed.certificate.meter !== state.certificate.meter) {
      throw new SpbError('meter/certificate-invalid')
    }
    const { certificate, manufacturerSignature } = signed
    storage.save({ ...state, certificate, manufacturerSignature })
  } finally {
    storage.close()
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

/** The meter to whose key a CTP is bound. Throws `erc/unknown-ctp`, `meter/unknown`. */
export function findMeterName(folder: DataFolder, ctpId: Bytes32, named?: string): string {
  if (named !== undefined) return chooseMeterName(folder, named)
  const bound = readMeters(folder).find(({ trees }) =>
    trees.some(({ bindings }) => bindings.some((binding) => binding.ctpId === ctpId)),
  )
  if (bound !== undefined) return bound.name
  throw new SpbError('erc/unknown-ctp', 'None of your meters is bound to this CTP.', {
    hint: 'Only the meter that was bound to the CTP can receipt it: spb meter list.',
  })
}

/** Where a running meter says how to reach it. */
export function runPathOf({ meters }: DataFolder, name: string): string {
  return join(meters, `${parseName(name)}.run`)
}

/** Opens the neighbours' meters, those of them that no other process holds. */
export function openStreetMeters(folder: DataFolder): SoftwareMeter[] {
  return listNames(folder.street).flatMap((name) => {
    try {
      return [openAt(folder, { folder: folder.street, name })]
    } catch (error) {
      if (error instanceof SpbError && error.code === 'meter/locked') return []
      throw error
    }
  })
}
