import type { ErrorRow } from './errorRow.ts'
import { type ErrorCode, errorTable } from './errorTable.ts'

/** JSON-safe facts about a failure; never a secret. */
export type ErrorMeta = Readonly<Record<string, string | number | boolean | null>>

/**
 * The one error of SPB: a stable `code`, a sentence, and a hint that says what to do next.
 *
 * Operating failures and refused foreign input carry it; our own bugs use `assert`.
 */
export class SpbError extends Error {
  override readonly name = 'SpbError'
  readonly code: ErrorCode
  readonly hint: string
  readonly meta: ErrorMeta

  constructor(
    code: ErrorCode,
    message?: string,
    options: { hint?: string; meta?: ErrorMeta; cause?: unknown } = {},
  ) {
    super(message ?? errorTable[code].message, 'cause' in options ? { cause: options.cause } : {})
    this.code = code
    this.hint = options.hint ?? errorTable[code].hint
    this.meta = options.meta ?? {}
  }

  /** True when the same request may succeed later without being changed. */
  get isRetryable(): boolean {
    const row: ErrorRow = errorTable[this.code]
    return row.isRetryable === true
  }

  toJSON(): { code: ErrorCode; message: string; hint: string; meta: ErrorMeta } {
    return { code: this.code, message: this.message, hint: this.hint, meta: this.meta }
  }
}

/** Crashes on our own bugs; stays on in production. */
export function assert(condition: unknown, message: string): asserts condition {
  if (!condition) throw new Error(`Invariant broken: ${message}`)
}

/** Any failure as one with a code: what has none is our own bug, `node/internal`. */
export function toCodedError(error: unknown): SpbError {
  return error instanceof SpbError
    ? error
    : new SpbError('node/internal', undefined, { cause: error })
}
