import type { MeterReading } from '../ports/meterReading.ts'
import type { MeterBinding } from '../ports/meterStorage.ts'
import { assert } from '../protocol/spbError.ts'
import { type Wh, wh } from '../protocol/units.ts'

/**
 * Shares measured energy out, first come first served: each demand in turn gets as much as it
 * still wants of what is left. What nobody wants is in no share.
 *
 * The sum of the shares is the lesser of `measuredWh` and all that is wanted, so a Wh is never
 * shared out twice; and measuring in several parts shares out the same in total.
 */
export function allocate(measuredWh: number, wantedWh: readonly number[]): Wh[] {
  let leftWh = measuredWh
  const shares = wantedWh.map((wanted) => {
    assert(wanted >= 0, 'nobody wants less than nothing')
    const share = Math.min(wanted, leftWh)
    leftWh -= share
    return wh(share)
  })
  return shares
}

/** True for a binding that may still take energy: it is neither full nor released. */
export function isUnfinished({ ctp, deliveredWh, isReleased }: MeterBinding): boolean {
  return !isReleased && deliveredWh < ctp.energyWh
}

/**
 * Shares the energy of an interval out over bindings, the earliest bound first, as far as each may
 * have it: its CTP has not expired at the reading that ends the interval. Nobody can say when the
 * energy came within it, so a CTP that was bound meanwhile shares in it. The rest is own use.
 */
export function shareEnergy(
  energyWh: number,
  bindings: readonly MeterBinding[],
  { timeSeconds }: Pick<MeterReading, 'timeSeconds'>,
): Wh[] {
  const wantedWh = bindings.map((binding) => {
    const isLive = timeSeconds <= binding.ctp.expirySeconds
    return isLive && isUnfinished(binding) ? binding.ctp.energyWh - binding.deliveredWh : 0
  })
  return allocate(energyWh, wantedWh)
}
