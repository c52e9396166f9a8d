import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterStorage } from '../ports/meterStorage.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import { addressOf } from '../protocol/signature.ts'
import { type MeterRevocation, type Standing, standingOf } from '../protocol/standing.ts'
import { maxUint40, type Seconds, seconds, wei, wh } from '../protocol/units.ts'
import { createLocalWitness } from './localWitness.ts'
import { createManufacturer } from './manufacturer.ts'
import { manufactureSoftwareMeter } from './manufactureSoftwareMeter.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import type { RenewalOptions } from './treeRenewal.ts'
import type { Witness } from './witness.ts'

/** The time at which these tests play: not a full hour. */
export const now = seconds(1_760_000_123)
export const day = 86_400
export const later = (delta: number): Seconds => seconds(now + delta)

export const market: Market = { chainId: 31337, address: `0x${'5b'.repeat(20)}` }
export const otherMarket: Market = { chainId: 31337, address: `0x${'6c'.repeat(20)}` }

export const bytes32 = (fill: number): Uint8Array => new Uint8Array(32).fill(fill)
export const manufacturer = createManufacturer(bytes32(0xfa))
export const stranger = createManufacturer(bytes32(0xfb))
/** Trusts the manufacturer alone, for good. */
export const standing = standingOf({
  manufacturers: [{ manufacturer: manufacturer.address, endsSeconds: seconds(maxUint40) }],
  revokedMeters: [],
})
/** As `standing`, with ends: of the manufacturer's, and of meters that are revoked. */
export const endingStanding = (
  endsSeconds: Seconds,
  ...revokedMeters: readonly MeterRevocation[]
): Standing =>
  standingOf({
    manufacturers: [{ manufacturer: manufacturer.address, endsSeconds }],
    revokedMeters,
  })

export const consumerKey = bytes32(0xc0)
export const consumer = addressOf(consumerKey)
export const producer = addressOf(bytes32(0xb0))

/** A meter made by the trusted manufacturer, with a certificate for a year. */
export function makeMeter(
  fill: number,
  changes: Partial<Parameters<typeof manufactureSoftwareMeter>[0]> = {},
  storage: MeterStorage = openMeterMemory(),
): SoftwareMeter {
  const options = { name: `m${fill}`, seed: bytes32(fill), manufacturer, treeHeight: 3 }
  return manufactureSoftwareMeter(
    { ...options, notAfterSeconds: later(365 * day), ...changes },
    storage,
  )
}

export const witnessOf = (meter: SoftwareMeter): Witness =>
  createLocalWitness(meter, { standing, nowSeconds: () => now })

export const renewal = (changes: Partial<RenewalOptions> = {}): RenewalOptions => ({
  nowSeconds: now,
  standing,
  ...changes,
})

/** A meter with a tree that a neighbour witnessed, ready to bind. */
export async function makeReadyMeter(
  changes: Parameters<typeof makeMeter>[1] = {},
  storage?: MeterStorage,
): Promise<SoftwareMeter> {
  const meter = makeMeter(1, changes, storage)
  await meter.renew(market, witnessOf(makeMeter(2)), renewal())
  return meter
}

/** A CTP of 1,000 Wh that ends in an hour. */
export const makeCtp = (meterKey: Address, changes: Partial<Ctp> = {}): Ctp => ({
  producer,
  offerId: 7n,
  amountWei: wei(10n ** 15n),
  energyWh: wh(1000),
  nonce: 0,
  expirySeconds: later(3600),
  meterKey,
  ...changes,
})
