import { buckets } from '../ledger/buckets.ts'
import { accountKey } from '../ledger/keys.ts'
import type { PeerId } from '../ports/network.ts'
import type { Store } from '../ports/store.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { SignedPeerRecord } from '../protocol/nodeMessages.ts'
import { decodePeerRecord, encodePeerRecord, signerOfPeerRecord } from '../protocol/peerRecord.ts'

/** Who is who in the network: members' newest signed records, and which peers are connected. */
export class PeerBook {
  readonly #market: Market
  readonly #store: Store
  readonly #records = new Map<Address, SignedPeerRecord>()
  /** Of each member the record before its newest: it shows a member what it did in another life. */
  readonly #previous = new Map<Address, SignedPeerRecord>()
  readonly #members = new Map<PeerId, Address>()
  readonly #connected = new Set<PeerId>()

  constructor(market: Market, store: Store) {
    this.#market = market
    this.#store = store
    for (const { value } of store.entries(buckets.peerRecord)) {
      const record = decodePeerRecord(value)
      const member = signerOfPeerRecord(market, record)
      if (member !== undefined) this.#remember(member, record)
    }
  }

  /** Takes a record in if it is its signer's newest; whose it is, or undefined for nobody's. */
  take(record: SignedPeerRecord, isWanted: (member: Address) => boolean): Address | undefined {
    const member = signerOfPeerRecord(this.#market, record)
    if (member === undefined || !isWanted(member)) return undefined
    const known = this.#records.get(member)
    if (known !== undefined && known.sequence >= record.sequence) return member
    const change = { bucket: buckets.peerRecord, key: accountKey(member) }
    this.#store.commit([{ ...change, value: encodePeerRecord(record) }])
    this.#remember(member, record)
    return member
  }

  /** Who signed a record; undefined for nobody. */
  signerOf(record: SignedPeerRecord): Address | undefined {
    return signerOfPeerRecord(this.#market, record)
  }

  recordOf(member: Address): SignedPeerRecord | undefined {
    return this.#records.get(member)
  }

  /** The newest record of a member, and the one before. */
  recordsOf(member: Address): SignedPeerRecord[] {
    const records = [this.#records.get(member), this.#previous.get(member)]
    return records.filter((record) => record !== undefined)
  }

  /** A peer itself shows a record: the name in it is the member's, whoever else claims it. */
  confirm(peer: PeerId, member: Address): void {
    if (this.#records.get(member)?.peerId === peer) this.#members.set(peer, member)
  }

  /** The member that a peer is, by the newest records. */
  memberOf(peer: PeerId): Address | undefined {
    return this.#members.get(peer)
  }

  /** A member's peer, if there is a connection to it now. */
  peerOf(member: Address): PeerId | undefined {
    const peer = this.#records.get(member)?.peerId
    if (peer === undefined || this.#members.get(peer) !== member) return undefined
    return this.#connected.has(peer) ? peer : undefined
  }

  noteConnection(peer: PeerId, isConnected: boolean): void {
    if (isConnected) this.#connected.add(peer)
    else this.#connected.delete(peer)
  }

  /** Peers with a connection now. */
  get connected(): ReadonlySet<PeerId> {
    return this.#connected
  }

  #remember(member: Address, record: SignedPeerRecord): void {
    const before = this.#records.get(member)
    if (before !== undefined) {
      if (this.#members.get(before.peerId) === member) this.#members.delete(before.peerId)
      this.#previous.set(member, before)
    }
    this.#records.set(member, record)
    // A member can write any name into its record, but takes none from another.
    if (!this.#members.has(record.peerId)) this.#members.set(record.peerId, member)
  }
}
