import { parentPort, workerData } from 'node:worker_threads'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import type { CtpSubmission } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import type { Voucher } from '../../protocol/meterEvidence.ts'
import { type ErrorMeta, SpbError } from '../../protocol/spbError.ts'
import { createVoucherCache, verifyOne } from './inlineVerifier.ts'

/** Submissions to check, as they cross to a worker. */
export type VerifierQuestion = { id: number; submissions: readonly CtpSubmission[] }

/** What a check found: errors cross as data, since classes do not survive the way. */
export type VerifierFinding =
  | { ctpId: Bytes32; consumer: Address; voucher: Voucher }
  | { code: ErrorCode; message: string; hint: string; meta: ErrorMeta }
/** One finding a submission, in order. */
export type VerifierAnswer = { id: number; findings: VerifierFinding[] }

const market = workerData as Market
const cache = createVoucherCache()

parentPort?.on('message', ({ id, submissions }: VerifierQuestion) => {
  const findings = submissions.map((submission): VerifierFinding => {
    const result = verifyOne(market, submission, cache)
    if (result instanceof SpbError) return result.toJSON()
    const { ctpId, consumer, voucher } = result
    return { ctpId, consumer, voucher }
  })
  parentPort?.postMessage({ id, findings } satisfies VerifierAnswer)
})
