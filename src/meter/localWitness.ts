import type { Seconds } from '../protocol/units.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import type { Witness, WitnessPolicy } from './witness.ts'

/** A witness's policy with a clock, which may be the chain's. */
export type LocalWitnessPolicy = Omit<WitnessPolicy, 'nowSeconds'> & { nowSeconds(): Seconds }

/** A meter of this process as a witness for others of it. */
export function createLocalWitness(meter: SoftwareMeter, policy: LocalWitnessPolicy): Witness {
  return {
    signedCertificate: meter.signedCertificate,
    async certify(request) {
      return meter.certify(request, { ...policy, nowSeconds: policy.nowSeconds() })
    },
  }
}
