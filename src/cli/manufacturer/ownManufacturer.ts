import { existsSync } from 'node:fs'
import { createManufacturer, type Manufacturer } from '../../meter/manufacturer.ts'
import type { Address } from '../../protocol/bytes.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { DataFolder } from '../dataFolder.ts'
import { chooseMeterName, readMeters } from '../meterFolder.ts'
import { nodeKeyPath, openNodeKey } from '../nodeKeys.ts'

/** The data folder’s manufacturer, with its key. Throws `input/option` where it has none. */
export function requireManufacturer(folder: DataFolder): Manufacturer {
  if (existsSync(nodeKeyPath(folder, 'manufacturer'))) {
    return createManufacturer(openNodeKey(folder, 'manufacturer'))
  }
  throw new SpbError('input/option', 'This data folder has no manufacturer.', {
    hint: 'Make its key: spb manufacturer init.',
  })
}

/** A meter that a person means; `name` is its file’s, where it is one of the folder’s. */
export type NamedMeter = { meter: Address; name?: string }

/**
 * The meter that a person means: its identity, or the name of one of the folder’s meters.
 *
 * Throws `input/address`, `input/name`, `meter/unknown`, `meter/damaged`.
 */
export function resolveMeter(folder: DataFolder, text: string): NamedMeter {
  if (/^0x/i.test(text)) {
    return { meter: decodeAddress(text.replace(/^0X/, '0x'), `“${text.slice(0, 50)}”`) }
  }
  const name = chooseMeterName(folder, text)
  const state = readMeters(folder).find((each) => each.name === name)
  if (state === undefined) throw new SpbError('meter/unknown')
  return { meter: state.certificate.meter, name }
}
