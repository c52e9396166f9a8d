import type { Verifier } from '../../ports/verifier.ts'
import type { Signature } from '../../protocol/bytes.ts'
import {
  type CtpSubmission,
  type VerifiedCtp,
  verifyCtpSubmission,
} from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import { makeRoom } from '../../protocol/makeRoom.ts'
import type { Voucher, VoucherCache } from '../../protocol/meterEvidence.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** Most CoEs that are remembered: each covers a tree of keys. */
const cachedCoes = 10_000

/** Remembers checked CoEs, the oldest forgotten first. */
export function createVoucherCache(): VoucherCache {
  const entries = new Map<Signature, { key: string; voucher: Voucher }>()
  return {
    get: (signature) => entries.get(signature),
    set(signature, entry) {
      makeRoom(entries, cachedCoes)
      entries.set(signature, entry)
    },
  }
}

/** Checks one submission; a refusal is a result, anything else passes on. */
export function verifyOne(
  market: Market,
  submission: CtpSubmission,
  cache: VoucherCache,
): VerifiedCtp | SpbError {
  try {
    return verifyCtpSubmission(market, submission, cache)
  } catch (error) {
    if (error instanceof SpbError) return error
    throw error
  }
}

/** Checks signatures on the caller's own thread. */
export function createInlineVerifier(market: Market): Verifier {
  const cache = createVoucherCache()
  return {
    verify: async (submissions) =>
      submissions.map((submission) => verifyOne(market, submission, cache)),
    close: async () => {},
  }
}
