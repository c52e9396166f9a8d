import type { CtpSubmission, VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { SpbError } from '../protocol/spbError.ts'

/** Checks of signatures, which need no state and may run on other cores. */
export type Verifier = {
  /** One result a submission, in order: what it proves, or why it is refused. */
  verify(submissions: readonly CtpSubmission[]): Promise<(VerifiedCtp | SpbError)[]>
  close(): Promise<void>
}
