import type { MemoryBlock, MemoryEthereum } from '../../adapters/chain/memoryEthereum.ts'
import { accountOf } from '../../adapters/chain/memoryMarket.ts'
import { isNonceUsed } from '../../adapters/chain/memoryNonces.ts'
import { buckets } from '../../ledger/buckets.ts'
import { decodeClosedCtp } from '../../ledger/ctpRow.ts'
import { decodeNonceRow } from '../../ledger/signedRows.ts'
import type { Change } from '../../ports/store.ts'
import { type Address, type Bytes32, bytesToHex } from '../../protocol/bytes.ts'
import { identifyCtp } from '../../protocol/ctpSubmission.ts'
import { unpackBatch } from '../../protocol/settlementBatch.ts'
import type { TradeBook, TradeRecord } from './tradeBook.ts'
import { worldFacts } from './worldMarket.ts'

/** A promise of the design (P2, P4, …) that a run saw broken; `live`: something stands still. */
export type BrokenPromise = { promise: string; text: string }

/** What a checker needs to know of the world. */
export type CheckerParts = {
  ethereum: MemoryEthereum
  book: TradeBook
  quorum: number
  /** Members that may sign anything. */
  cheats: number
  fail(broken: BrokenPromise): void
}

/** Watches the disks of honest members and the chain, and tells when a promise is broken. */
export class PromiseChecker {
  readonly #parts: CheckerParts
  readonly #voids = new Set<string>()
  /** By member: the nonces of which its disk has a certificate, hold or void. */
  readonly #closed = new Map<number, Set<string>>()
  /** By member: what it wrote down as a gateway while it did not vote, and may sign later. */
  readonly #unsigned = new Map<number, Set<Bytes32>>()

  constructor(parts: CheckerParts) {
    this.#parts = parts
  }

  /** What an honest member has on disk now, and may have said to others. */
  noteSynced(member: number, changes: readonly Change[], isVoting: boolean): void {
    this.#noteClosings(member, changes)
    if (isVoting) this.#countLate(member)
    for (const { bucket, key, value } of changes) {
      if (value === undefined) continue
      if (bucket === buckets.nonce) {
        const row = decodeNonceRow(value)
        if (row.votedCtpId !== undefined) this.#noteRow(member, row.votedCtpId, isVoting)
        if (row.isVoided) this.#noteVoid(bytesToHex(key))
        if (row.certifiedCtpId !== undefined) this.#noteCertified(member, row.certifiedCtpId)
      } else if (bucket === buckets.closed) {
        this.#noteClosed(member, bytesToHex(key), value)
      }
    }
  }

  /** A member has a new disk, and knows nothing. */
  forget(member: number): void {
    this.#closed.delete(member)
    this.#unsigned.delete(member)
  }

  /** The chain has a new head. */
  noteBlock(block: MemoryBlock): void {
    let sumWei = 0n
    for (const { balanceWei } of block.state.accounts.values()) sumWei += balanceWei
    if (block.state.etherWei < sumWei) {
      this.#fail('P7', `the contract has ${block.state.etherWei} wei for ${sumWei}`)
    }
    for (const event of block.events) {
      if (event.kind === 'SettledWithProof') this.#notePaid(event.ctpId, event.deliveredWh, block)
      if (event.kind !== 'Settled' || event.items === undefined) continue
      for (const [at, item] of unpackBatch(event.items).entries()) {
        if (((event.settledBitmap >> BigInt(at)) & 1n) === 0n) continue
        this.#notePaid(identifyCtp(worldFacts, item).ctpId, item.deliveredWh, block)
      }
    }
    for (const account of this.#parts.book.accounts()) this.#checkAccount(account)
  }

  /** True where cheats can make, or have made, a certificate of a trade. */
  isCertifiable({ voters }: TradeRecord): boolean {
    const { quorum, cheats } = this.#parts
    return voters.size > 0 && voters.size + cheats >= quorum
  }

  /** True while a trade can still take its consumer's money, by the chain's present head. */
  isLive({ submission: { ctp }, consumer }: TradeRecord): boolean {
    const { state, timeSeconds } = this.#parts.ethereum.head()
    const isPast = timeSeconds > ctp.expirySeconds + worldFacts.options.graceSeconds
    return !isPast && !isNonceUsed(accountOf(state, consumer), ctp.nonce)
  }

  /** At the end of a run: nothing was paid twice on the chain that stayed. */
  checkPayments(): Map<Bytes32, number> {
    const paid = new Map<Bytes32, number>()
    const note = (ctpId: Bytes32, deliveredWh: number) => {
      if (paid.has(ctpId)) this.#fail('P5', `${ctpId} was paid twice`)
      paid.set(ctpId, deliveredWh)
    }
    const { ethereum } = this.#parts
    for (let number = 0; number <= ethereum.head().number; number++) {
      for (const event of ethereum.block(number)!.events) {
        if (event.kind === 'SettledWithProof') note(event.ctpId, event.deliveredWh)
        if (event.kind !== 'Settled' || event.items === undefined) continue
        for (const [at, item] of unpackBatch(event.items).entries()) {
          if (((event.settledBitmap >> BigInt(at)) & 1n) === 0n) continue
          note(identifyCtp(worldFacts, item).ctpId, item.deliveredWh)
        }
      }
    }
    return paid
  }

  #noteClosings(member: number, changes: readonly Change[]): void {
    for (const { bucket, key, value } of changes) {
      if (bucket !== buckets.nonce || value === undefined) continue
      const { certifiedCtpId, isVoided } = decodeNonceRow(value)
      if (certifiedCtpId === undefined && !isVoided) continue
      const closed = this.#closed.get(member)
      if (closed === undefined) this.#closed.set(member, new Set([bytesToHex(key)]))
      else closed.add(bytesToHex(key))
    }
  }

  /** Nonce k + 1 is voted for only by who knows what closed every nonce up to k. */
  #checkOrder(member: number, { consumer, submission }: TradeRecord): void {
    const account = accountOf(this.#parts.ethereum.head().state, consumer)
    const closed = this.#closed.get(member)
    for (let nonce = 0; nonce < submission.ctp.nonce; nonce++) {
      if (closed?.has(keyOf(consumer, nonce)) || isNonceUsed(account, nonce)) continue
      const text = `nonce ${submission.ctp.nonce} of ${consumer}, and ${nonce} is open`
      this.#fail('P2', `member ${member} voted at ${text}`)
      return
    }
  }

  #noteRow(member: number, ctpId: Bytes32, isVoting: boolean): void {
    if (isVoting) {
      this.#noteVote(member, ctpId)
      return
    }
    const unsigned = this.#unsigned.get(member) ?? new Set()
    this.#unsigned.set(member, unsigned.add(ctpId))
  }

  #countLate(member: number): void {
    const unsigned = this.#unsigned.get(member)
    if (unsigned === undefined) return
    this.#unsigned.delete(member)
    for (const ctpId of unsigned) {
      const trade = this.#parts.book.get(ctpId)
      if (trade === undefined || this.isLive(trade)) this.#noteVote(member, ctpId)
    }
  }

  #noteVote(member: number, ctpId: Bytes32): void {
    const trade = this.#parts.book.get(ctpId)
    if (trade === undefined) {
      this.#fail('P1', `member ${member} voted for ${ctpId}, which nobody signed`)
      return
    }
    if (trade.voters.has(member)) return
    if (!trade.isGenuine) {
      this.#fail('P6', `member ${member} voted for ${ctpId} of a meter that nobody vouches for`)
    }
    const { nonce } = trade.submission.ctp
    for (const other of this.#parts.book.ofAccount(trade.consumer)) {
      const isRival = other !== trade && other.submission.ctp.nonce === nonce
      if (!isRival || !other.voters.has(member) || !this.isLive(other)) continue
      this.#fail('P2', `member ${member} voted for ${ctpId} and ${other.ctpId} at nonce ${nonce}`)
    }
    trade.voters.add(member)
    this.#checkOrder(member, trade)
    if (this.isCertifiable(trade)) {
      this.#checkVoid(trade)
      this.#checkAccount(trade.consumer)
    }
  }

  #noteVoid(nonceKey: string): void {
    if (this.#voids.has(nonceKey)) return
    this.#voids.add(nonceKey)
    const account = nonceKey.slice(0, 42) as Address
    const nonce = Number.parseInt(nonceKey.slice(42), 16)
    for (const trade of this.#parts.book.ofAccount(account)) {
      if (trade.submission.ctp.nonce === nonce) this.#checkVoid(trade)
    }
  }

  #checkVoid(trade: TradeRecord): void {
    const { nonce } = trade.submission.ctp
    const key = keyOf(trade.consumer, nonce)
    if (!this.#voids.has(key) || !this.isCertifiable(trade) || !this.isLive(trade)) return
    this.#fail('P2', `nonce ${nonce} is void, and ${trade.ctpId} can be held there`)
  }

  #noteCertified(member: number, ctpId: Bytes32): void {
    const trade = this.#parts.book.get(ctpId)
    if (trade !== undefined && this.isCertifiable(trade)) return
    // Somebody signed meanwhile what it had written down before.
    for (const [voter, unsigned] of this.#unsigned) {
      if (unsigned.delete(ctpId)) this.#noteVote(voter, ctpId)
    }
    if (trade !== undefined && this.isCertifiable(trade)) return
    this.#fail('P2', `member ${member} takes ${ctpId} as certified, for which no quorum voted`)
  }

  /** Money is freed neither too early, nor by anything but time and the chain. */
  #noteClosed(member: number, ctpId: Bytes32, value: Uint8Array): void {
    const trade = this.#parts.book.get(ctpId)
    if (trade === undefined) return
    const { state } = decodeClosedCtp(value)
    if (!this.isLive(trade)) return
    this.#fail('P4', `member ${member} takes ${ctpId} as ${state} while it is live`)
  }

  #notePaid(ctpId: Bytes32, deliveredWh: number, block: MemoryBlock): void {
    const trade = this.#parts.book.get(ctpId)
    if (trade === undefined) {
      this.#fail('P1', `${ctpId} was paid, which nobody signed`)
      return
    }
    if (deliveredWh > trade.receiptedWh) {
      const text = `${deliveredWh} Wh, its meter said ${trade.receiptedWh}`
      this.#fail('P11', `${ctpId} was paid in block ${block.number} for ${text}`)
    }
    if (!this.isCertifiable(trade)) this.#fail('P2', `${ctpId} was paid without a certificate`)
  }

  /** The certified live CTPs of an account never exceed its balance. */
  #checkAccount(account: Address): void {
    const { book, ethereum } = this.#parts
    let heldWei = 0n
    const live = new Map<number, TradeRecord>()
    for (const trade of book.ofAccount(account)) {
      if (!this.isCertifiable(trade) || !this.isLive(trade)) continue
      const { nonce, amountWei } = trade.submission.ctp
      const rival = live.get(nonce)
      if (rival !== undefined) {
        this.#fail('P2', `${trade.ctpId} and ${rival.ctpId} can both be held at nonce ${nonce}`)
      }
      live.set(nonce, trade)
      heldWei += amountWei
    }
    const { balanceWei } = accountOf(ethereum.head().state, account)
    if (heldWei <= balanceWei) return
    this.#fail('P2', `${account} can be held to ${heldWei} wei and has ${balanceWei}`)
  }

  #fail(promise: string, text: string): void {
    this.#parts.fail({ promise, text })
  }
}

function keyOf(account: Address, nonce: number): string {
  return account + nonce.toString(16).padStart(8, '0')
}
