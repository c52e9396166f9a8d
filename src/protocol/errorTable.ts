import type { ErrorRow } from './errorRow.ts'
import { inputErrors } from './inputErrors.ts'
import { meterErrors } from './meterErrors.ts'
import { systemErrors } from './systemErrors.ts'
import { tradeErrors } from './tradeErrors.ts'
import { witnessErrors } from './witnessErrors.ts'

/**
 * Every error code with its HTTP status, exit code, sentence and hint: CLI, HTTP and SDK all read
 * this one table. A message given where the error is thrown replaces the general sentence here.
 */
export const errorTable = {
  ...inputErrors,
  ...meterErrors,
  ...tradeErrors,
  ...witnessErrors,
  ...systemErrors,
} as const satisfies Record<string, ErrorRow>

/** The stable name of a failure. */
export type ErrorCode = keyof typeof errorTable

/** True for a string that is one of the table's codes. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === 'string' && Object.hasOwn(errorTable, value)
}
