import type { Address } from '../protocol/bytes.ts'
import type { CtpSubmission } from '../protocol/ctpSubmission.ts'
import type { Market } from '../protocol/digest.ts'
import { SpbError } from '../protocol/spbError.ts'

/**
 * Remembers what a household signed at each nonce, so that it never signs twice at one, also after
 * a crash. Whoever loses the journal must not use its account's open nonces.
 */
export type NonceJournal = {
  /** What was signed at a nonce of an account in a market; undefined if nothing was. */
  load(
    market: Market,
    account: Address,
    nonce: number,
  ): CtpSubmission | undefined | Promise<CtpSubmission | undefined>
  /**
   * Keeps what was signed at `submission.ctp.nonce`; on disk before it returns or resolves. Throws
   * `ctp/nonce-reused` where something is kept there already, whatever it is and whoever kept it:
   * of two programs that sign at once, one must fail here.
   */
  save(market: Market, account: Address, submission: CtpSubmission): void | Promise<void>
}

/** A journal that forgets everything with its program: for tests, and for accounts as short. */
export function createMemoryJournal(): NonceJournal {
  const kept = new Map<string, CtpSubmission>()
  const keyOf = ({ chainId, address }: Market, account: Address, nonce: number) =>
    [chainId, address, account, nonce].join()
  return {
    load: (market, account, nonce) => kept.get(keyOf(market, account, nonce)),
    save(market, account, submission) {
      const key = keyOf(market, account, submission.ctp.nonce)
      if (kept.has(key)) throw new SpbError('ctp/nonce-reused')
      kept.set(key, submission)
    },
  }
}
