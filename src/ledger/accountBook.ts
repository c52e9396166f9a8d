import type { AccountState } from '../ports/chain.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { limits } from '../protocol/limits.ts'
import { type Wei, wei } from '../protocol/units.ts'
import type { LiveCtp } from './ctpRow.ts'

/** One account's open business, in memory. */
type Entry = {
  /** Live CTPs by nonce, certified or only proposed. */
  live: Map<number, LiveCtp>
  /** Further ones at nonces of those: signed twice, or voted for beside a certified one. */
  rivals?: Map<Bytes32, LiveCtp>
  /** Sum of those that hold money. */
  heldWei: bigint
  /** Every nonce below is closed: certified, void or used on chain. Only ever grows. */
  nextNonce: number
}

const nothing: ReadonlyMap<number, LiveCtp> = new Map()

/** What the store knows of how nonces were closed. */
export type NonceClosings = {
  /** Its hold or void certificate is known. */
  isClosed(account: Address, nonce: number): boolean
  /** False where no report of an ended epoch was taken over yet. */
  hasFloors(): boolean
  /** The highest nonce of an account that reports of an ended epoch name; 0 for none. */
  floorOf(account: Address): number
  /** The lowest nonce from `from` on and below `to` that a report names. */
  nextReported(account: Address, from: number, to: number): number | undefined
}

/** True where a CTP holds its amount: certified, or taken over as if it were. */
export function isHolding(ctp: LiveCtp): boolean {
  return ctp.state !== 'proposed' || ctp.isInherited === true
}

/** What holds each account's money, and which nonce is its next. Derived: the store has it all. */
export class AccountBook {
  readonly #entries = new Map<Address, Entry>()
  #totalHeldWei = 0n
  readonly #closings: NonceClosings

  /** Spares all accounts a look into the store, in markets that never changed their committee. */
  #hasFloors: boolean

  constructor(closings: NonceClosings) {
    this.#closings = closings
    this.#hasFloors = closings.hasFloors()
  }

  /** A report of an ended epoch is taken over: what it names counts from now on. */
  noteFloors(): void {
    this.#hasFloors = true
  }

  /** What the live CTPs of all accounts hold. */
  get totalHeldWei(): bigint {
    return this.#totalHeldWei
  }

  liveOf(account: Address): ReadonlyMap<number, LiveCtp> {
    return this.#entries.get(account)?.live ?? nothing
  }

  /** All live CTPs of an account, also several at one nonce. */
  *allOf(account: Address): IterableIterator<LiveCtp> {
    const entry = this.#entries.get(account)
    if (entry === undefined) return
    yield* entry.live.values()
    if (entry.rivals !== undefined) yield* entry.rivals.values()
  }

  heldOf(account: Address): Wei {
    return wei(this.#entries.get(account)?.heldWei ?? 0n)
  }

  /** The lowest nonce that is not closed: the only one that may be voted for. */
  nextNonceOf(account: Address, state: AccountState | undefined): number {
    const first = Math.max(this.#entries.get(account)?.nextNonce ?? 0, state?.nonceBase ?? 0)
    let nonce = first
    const floor = this.#hasFloors ? this.#closings.floorOf(account) : 0
    for (;;) {
      if (isUsedOnChain(state, nonce) || this.#closings.isClosed(account, nonce)) {
        nonce++
        continue
      }
      if (nonce >= floor) break
      // Whatever an ended epoch's reports do not name below the highest that they do is closed.
      const reported = this.#closings.nextReported(account, nonce, floor) ?? floor
      if (reported === nonce) break
      nonce = reported
    }
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
    const isFirst = !isRivalCertified || ctp.state !== 'proposed'
    if (isFirst) entry.live.set(ctp.nonce, ctp)
    const other = isFirst ? rival : ctp
    if (other !== undefined) {
      entry.rivals ??= new Map()
      entry.rivals.set(other.ctpId, other)
    }
    if (!isHolding(ctp)) return
    entry.heldWei += ctp.amountWei
    this.#totalHeldWei += ctp.amountWei
  }

  /** Frees what a CTP held. */
  remove(ctp: LiveCtp): void {
    const entry = this.#entryOf(ctp.consumer)
    entry.rivals?.delete(ctp.ctpId)
    if (entry.live.get(ctp.nonce)?.ctpId === ctp.ctpId) {
      entry.live.delete(ctp.nonce)
      for (const rival of entry.rivals?.values() ?? []) {
        if (rival.nonce !== ctp.nonce) continue
        entry.rivals!.delete(rival.ctpId)
        entry.live.set(rival.nonce, rival)
        break
      }
    }
    if (entry.rivals?.size === 0) delete entry.rivals
    if (!isHolding(ctp)) return
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
