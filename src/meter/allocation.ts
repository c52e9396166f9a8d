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
