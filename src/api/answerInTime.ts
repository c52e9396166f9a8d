import { SpbError } from '../protocol/spbError.ts'

/**
 * Waits so long for the node's answer. Throws `node/overloaded` after that; what was asked may
 * still happen, which does no harm: every message may be sent again.
 *
 * The framework's own `handlerTimeout` ends as soon as a request's body is read, so it cannot bound
 * the requests that matter.
 */
export async function answerInTime<Answer>(
  answer: Promise<Answer>,
  timeoutMs: number,
): Promise<Answer> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => {
    late.reject(new SpbError('node/overloaded', `The node took over ${timeoutMs} ms to answer.`))
  }, timeoutMs)
  try {
    return await Promise.race([answer, late.promise])
  } finally {
    clearTimeout(timer)
  }
}
