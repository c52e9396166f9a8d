import type { ErrorCode } from '../../protocol/errorTable.ts'
import { SpbError } from '../../protocol/spbError.ts'

// Primary result codes: https://sqlite.org/rescode.html
const codes: Readonly<Record<number, ErrorCode>> = {
  5: 'store/locked',
  6: 'store/locked',
  11: 'store/corrupt',
  26: 'store/corrupt',
}

/** What went wrong with a database file, as an `SpbError` with a `store/*` code. */
export function sqliteError(cause: unknown, path: string): SpbError {
  if (cause instanceof SpbError) return cause
  const isSqlite = cause instanceof Error && 'errcode' in cause && typeof cause.errcode === 'number'
  // The upper bits of an extended code only say more about the primary one.
  const code = (isSqlite ? codes[(cause.errcode as number) & 0xff] : undefined) ?? 'store/failed'
  const reason = cause instanceof Error ? cause.message : String(cause)
  return new SpbError(code, undefined, { cause, meta: { path, reason } })
}

/** The database file is damaged, or none of ours. */
export function corruptDatabase(path: string, reason: string): SpbError {
  return new SpbError('store/corrupt', undefined, { meta: { path, reason } })
}
