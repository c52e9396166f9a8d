import type { Address } from './bytes.ts'
import type { Standing } from './standing.ts'
import { maxUint40 } from './units.ts'

/**
 * True for a meter whose end is announced, however far away: it gets no new certificate. A
 * revocation that was put off to the end of time is taken back.
 */
export function isRevoked(standing: Standing, meter: Address): boolean {
  const endsSeconds = standing.meterEndsSeconds(meter)
  return endsSeconds !== undefined && endsSeconds < maxUint40
}
