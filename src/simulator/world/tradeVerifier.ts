import type { Verifier } from '../../ports/verifier.ts'
import { type CtpSubmission, verifyCtpSubmission } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import type { VoucherCache } from '../../protocol/meterEvidence.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** Checks signatures at once, where a running node has them checked by other threads. */
export function createTradeVerifier(market: Market): Verifier {
  const cache: VoucherCache = new Map()
  const verifyOne = (submission: CtpSubmission) => {
    try {
      return verifyCtpSubmission(market, submission, cache)
    } catch (error) {
      if (error instanceof SpbError) return error
      throw error
    }
  }
  return {
    verify: async (submissions) => submissions.map(verifyOne),
    close: async () => {},
  }
}
