import { SpbError } from '../../protocol/spbError.ts'

/** What a socket or its library says when something goes wrong: ECONNREFUSED and the like. */
export function codeOfFailure(error: unknown): string {
  const { code, errno } = (error ?? {}) as { code?: unknown; errno?: unknown }
  const found = [code, errno].find((each) => typeof each === 'string')
  if (typeof found === 'string' && /^[A-Z][A-Z0-9_]{1,60}$/.test(found)) return found
  return typeof code === 'number' ? `code ${code}` : 'no answer'
}

const certificateHint =
  'Its certificate is not trusted: write the name that stands in it, and ca=FILE for its issuer.'

/** A connection that did not come about; `place` without users and passwords. */
export function refuseConnection(place: string, error: unknown): SpbError {
  const reason = codeOfFailure(error)
  const message = `${place} cannot be reached (${reason}).`
  const options = { meta: { place, reason }, cause: error }
  return /CERT|SIGNATURE/.test(reason)
    ? new SpbError('source/unreachable', message, { ...options, hint: certificateHint })
    : new SpbError('source/unreachable', message, options)
}

/** A connection that ended by itself. */
export function reportLost(place: string, error?: unknown): SpbError {
  if (error === undefined) {
    return new SpbError('source/lost', `${place} ended the connection.`, { meta: { place } })
  }
  const reason = codeOfFailure(error)
  const message = `The connection to ${place} broke (${reason}).`
  return new SpbError('source/lost', message, { meta: { place, reason }, cause: error })
}
