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
  /** Every nonce below is closed: certified, void or used on chain. */
  nextNonce: number
  /** Closed nonces at or above `nextNonce`: certificates that came before their elders'. */
  closedAhead: Set<number> | undefined
  /** The store's closed nonces are in `closedAhead`, or were counted. */
  isRead: boolean
}

const nothing: ReadonlyMap<number, LiveCtp> = new Map()

/** What holds each account's money, and which nonce is its next. Derived: the store has it all. */
export class AccountBook {
  readonly #entries = new Map<Address, Entry>()
  #totalHeldWei = 0n
  readonly #readClosed: (account: Address) => Iterable<number>

  /** `readClosed` tells an account's nonces with a certificate; it is asked once an account. */
  constructor(readClosed: (account: Address) => Iterable<number>) {
    this.#readClosed = readClosed
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
    const entry = this.#entries.get(account) ?? this.#findEntry(account)
    // Anybody can ask about any address: what has no business here leaves no entry behind.
    if (entry === undefined) return firstUnused(state, state?.nonceBase ?? 0)
    this.#readNonces(account, entry)
    let nonce = Math.max(entry.nextNonce, state?.nonceBase ?? 0)
    while (entry.closedAhead?.has(nonce) || isUsedOnChain(state, nonce)) nonce++
    if (nonce === entry.nextNonce || entry.closedAhead === undefined) return nonce
    for (const closed of entry.closedAhead) if (closed < nonce) entry.closedAhead.delete(closed)
    if (entry.closedAhead.size === 0) entry.closedAhead = undefined
    entry.nextNonce = nonce
    return nonce
  }

  /** Adds a live CTP; it holds money unless it is only proposed. */
  add(ctp: LiveCtp): void {
    const entry = this.#entryOf(ctp.consumer)
    entry.live.set(ctp.nonce, ctp)
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

  /** Notes that a hold or void certificate of a nonce is known. */
  close(account: Address, nonce: number): void {
    const entry = this.#entryOf(account)
    if (nonce < entry.nextNonce) return
    entry.closedAhead ??= new Set()
    entry.closedAhead.add(nonce)
  }

  #findEntry(account: Address): Entry | undefined {
    for (const _ of this.#readClosed(account)) return this.#entryOf(account)
    return undefined
  }

  /** Read when first needed: a start need not wait for accounts that do nothing. */
  #readNonces(account: Address, entry: Entry): void {
    if (entry.isRead) return
    entry.isRead = true
    for (const nonce of this.#readClosed(account)) this.close(account, nonce)
  }

  #entryOf(account: Address): Entry {
    let entry = this.#entries.get(account)
    if (entry === undefined) {
      entry = {
        ...{ live: new Map(), heldWei: 0n, nextNonce: 0 },
        ...{ closedAhead: undefined, isRead: false },
      }
      this.#entries.set(account, entry)
    }
    return entry
  }
}

function firstUnused(state: AccountState | undefined, from: number): number {
  let nonce = from
  while (isUsedOnChain(state, nonce)) nonce++
  return nonce
}

/** True for a nonce that the contract would refuse: below the window, or used in it. */
export function isUsedOnChain(state: AccountState | undefined, nonce: number): boolean {
  if (state === undefined) return false
  const offset = nonce - state.nonceBase
  if (offset < 0) return true
  return offset < limits.nonceWindow && ((state.nonceBitmap >> BigInt(offset)) & 1n) === 1n
}
