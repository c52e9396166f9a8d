import { setTimeout as delay } from 'node:timers/promises'
import { SpbError } from '../../protocol/spbError.ts'

/** How long to try, and what to say meanwhile. */
export type ChainWait = {
  longestMs: number
  nowMs(): number
  say(line: string): void
  signal?: AbortSignal
}

const firstPauseMs = 500
const longestPauseMs = 15_000

/**
 * Repeats work until the Ethereum client answers, with pauses that double. Throws
 * `chain/unreachable` when it took too long, and any other failure at once.
 */
export async function waitForChain<Result>(
  work: () => Promise<Result>,
  { longestMs, nowMs, say, signal }: ChainWait,
): Promise<Result> {
  const endMs = nowMs() + longestMs
  for (let pauseMs = firstPauseMs; ; pauseMs = Math.min(2 * pauseMs, longestPauseMs)) {
    try {
      return await work()
    } catch (error) {
      const isUnreachable = error instanceof SpbError && error.code === 'chain/unreachable'
      if (!isUnreachable || nowMs() + pauseMs > endMs) throw error
      say(`${error.message} Trying again in ${pauseMs / 1000} s.`)
    }
    await delay(pauseMs, undefined, signal === undefined ? {} : { signal })
  }
}
