import type { AccountState } from '../ports/chain.ts'
import type { Address } from '../protocol/bytes.ts'
import { limits } from '../protocol/limits.ts'
import { type Wei, wei } from '../protocol/units.ts'
import type { LiveCtp } from './ctpRow.ts'

/** One account's open business, in memory. */
type Entry = {
  /** Live CTPs by nonce, certified or only proposed. */
  live: Map<number, LiveCtp>
  /** Sum of the certified ones. */
  heldWei: bigint
  /** Every nonce below is closed: certified, void or used on chain. Only ever grows. */
  nextNonce: number
}

const nothing: ReadonlyMap<number, LiveCtp> = new Map()

/** What holds each account's money, and which nonce is its next. Derived: the store has it all. */
export class AccountBook {
  readonly #entries = new Map<Address, Entry>()
  #totalHeldWei = 0n
  readonly #isClosed: (account: Address, nonce: number) => boolean

  /** `isClosed` looks into the store whether a nonce's hold or void certificate is known. */
  constructor(isClosed: (account: Address, nonce: number) => boolean) {
    this.#isClosed = isClosed
  }

  /** What the certified live CTPs of all accounts hold. */
  get totalHeldWei(): bigint {
    return this.#totalHeldWei
  }

  liveOf(account: Address): ReadonlyMap<number, LiveCtp> {
    return this.#entries.get(account)?.live ?? nothing
  }

  heldOf(account: Address): Wei {
    return wei(this.#entries.get(account)?.heldWei ?? 0n)
  }

  /** The lowest nonce that is not closed: the only one that may be voted for. */
  nextNonceOf(account: Address, state: AccountState | undefined): number {
    const first = Math.max(this.#entries.get(account)?.nextNonce ?? 0, state?.nonceBase ?? 0)
    let nonce = first
    while (isUsedOnChain(state, nonce) || this.#isClosed(account, nonce)) nonce++
    // Remembered, so that nobody makes the node walk the same nonces again and again. Anybody can
    // ask about any address: what has no business here leaves no entry behind.
    if (nonce > first) this.#entryOf(account).nextNonce = nonce
    return nonce
  }

  /** Adds a live CTP; it holds money unless it is only proposed. */
  add(ctp: LiveCtp): void {
    const entry = this.#entryOf(ctp.consumer)
    const rival = entry.live.get(ctp.nonce)
    const isRivalCertified = rival !== undefined && rival.state !== 'proposed'
    if (!isRivalCertified || ctp.state !== 'proposed') entry.live.set(ctp.nonce, ctp)
    if (ctp.state === 'proposed') return
    entry.heldWei += ctp.amountWei
    this.#totalHeldWei += ctp.amountWei
  }

  /** Frees what a CTP held. */
  remove(ctp: LiveCtp): void {
    const entry = this.#entryOf(ctp.consumer)
    if (entry.live.get(ctp.nonce)?.ctpId === ctp.ctpId) entry.live.delete(ctp.nonce)
    if (ctp.state === 'proposed') return
    entry.heldWei -= ctp.amountWei
    this.#totalHeldWei -= ctp.amountWei
  }

  #entryOf(account: Address): Entry {
    let entry = this.#entries.get(account)
    if (entry === undefined) {
      entry = { live: new Map(), heldWei: 0n, nextNonce: 0 }
      this.#entries.set(account, entry)
    }
    return entry
  }
}

/** True for a nonce that the contract would refuse: below the window, or used in it. */
export function isUsedOnChain(state: AccountState | undefined, nonce: number): boolean {
  if (state === undefined) return false
  const offset = nonce - state.nonceBase
  if (offset < 0) return true
  return offset < limits.nonceWindow && ((state.nonceBitmap >> BigInt(offset)) & 1n) === 1n
}
