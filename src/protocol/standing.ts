import type { Address } from './bytes.ts'
import type { Voucher } from './meterEvidence.ts'
import { SpbError } from './spbError.ts'
import type { Seconds } from './units.ts'

/** A manufacturer of meters whom a market trusts, until its standing ends. */
export type ManufacturerStanding = { manufacturer: Address; endsSeconds: Seconds }
/** A meter that a market trusts no more from that time on. */
export type MeterRevocation = { meter: Address; endsSeconds: Seconds }

/** Whom a market trusts to vouch for meters. */
export type Standing = {
  /** End of a manufacturer's standing; undefined where it never was trusted. */
  manufacturerEndsSeconds(manufacturer: Address): Seconds | undefined
  /** End of a revoked meter's standing; undefined where it is not revoked. */
  meterEndsSeconds(meter: Address): Seconds | undefined
}

/** Standing as a node's market view lists it. */
export function standingOf(view: {
  manufacturers: readonly ManufacturerStanding[]
  revokedMeters: readonly MeterRevocation[]
}): Standing {
  const makers = new Map(view.manufacturers.map((each) => [each.manufacturer, each.endsSeconds]))
  const meters = new Map(view.revokedMeters.map((each) => [each.meter, each.endsSeconds]))
  return {
    manufacturerEndsSeconds: (manufacturer) => makers.get(manufacturer),
    meterEndsSeconds: (meter) => meters.get(meter),
  }
}

/**
 * Checks that a witness and its manufacturer are in good standing until `untilSeconds`: a CTP's
 * expiry, never block time, so that the end of a standing cannot kill a live hold.
 *
 * Throws `meter/witness-untrusted`, `meter/revoked`.
 */
export function checkStanding(standing: Standing, voucher: Voucher, untilSeconds: Seconds): void {
  const makerEnds = standing.manufacturerEndsSeconds(voucher.manufacturer)
  if (makerEnds === undefined || untilSeconds > makerEnds) {
    throw new SpbError('meter/witness-untrusted')
  }
  const meterEnds = standing.meterEndsSeconds(voucher.witness)
  if (meterEnds !== undefined && untilSeconds > meterEnds) throw new SpbError('meter/revoked')
}
