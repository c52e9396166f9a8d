import type { MeterSigner } from '../ports/meterSigner.ts'
import type { MeterStorage } from '../ports/meterStorage.ts'
import { type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { limits } from '../protocol/limits.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import type { Seconds } from '../protocol/units.ts'
import { issueMeterCertificate, type Manufacturer } from './manufacturer.ts'
import { createSeedSigner } from './meterKeys.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'

/** Height of a meter's trees unless told otherwise: 256 keys. */
export const defaultTreeHeight = 8

/** The model that certificates of software meters name. */
export const softwareMeterModel: Bytes32 = bytesToHex(
  keccak256(new TextEncoder().encode('SPB software meter')),
)

/** What a factory needs to make a software meter. */
export type SoftwareMeterOptions = {
  name: string
  /** 32 random bytes from which all keys come; left out where `signer` holds them. */
  seed?: Uint8Array
  /** The secure element that holds the keys: they are in no storage then. */
  signer?: MeterSigner
  manufacturer: Manufacturer
  /** End of the certificate; no CoE outlives it. */
  notAfterSeconds: Seconds
  /** `softwareMeterModel` where left out. */
  model?: Bytes32
  /** 1 to 16, `defaultTreeHeight` where left out. */
  treeHeight?: number
}

/** Makes a new meter and keeps it. Throws `meter/exists`, `input/number`, `store/failed`. */
export function manufactureSoftwareMeter(
  options: SoftwareMeterOptions,
  storage: MeterStorage,
): SoftwareMeter {
  const { name, seed, manufacturer, notAfterSeconds } = options
  assert((seed === undefined) !== (options.signer === undefined), 'keys come from one place')
  const { model = softwareMeterModel, treeHeight = defaultTreeHeight } = options
  if (!Number.isInteger(treeHeight) || treeHeight < 1 || treeHeight > limits.treeHeight) {
    throw new SpbError('input/number', `A tree is 1 to ${limits.treeHeight} high.`)
  }
  if (storage.load() !== undefined) throw new SpbError('meter/exists')
  const signer = options.signer ?? createSeedSigner(seed!)
  const meter = signer.identity
  storage.save({
    ...issueMeterCertificate(manufacturer, { meter, model, notAfterSeconds }),
    ...(seed === undefined ? {} : { seed: seed.slice() }),
    ...{ name, treeHeight, nextTree: 0, nextOrder: 0, trees: [] },
  })
  return openSoftwareMeter(storage, { signer })
}
