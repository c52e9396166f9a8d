import type { ChainEvent, SignedEpochEnd } from '../ports/chain.ts'
import type { Change, Store } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Address, type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { Committee } from '../protocol/committee.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { buckets } from './buckets.ts'
import { metaKey, numberKey } from './keys.ts'

/** A committee as the chain named it; `ends` are the last words from which the next one starts. */
export type CommitteeRow = {
  members: Address[]
  /** Block time at which the end was seen, never before the chain's own; 0: it goes on. */
  endedAtSeconds: Seconds
  ends: SignedEpochEnd[]
}

/** Up to which epoch reports were taken over, and which ones. */
export type StartMark = { epoch: number; endsHash: Bytes32 }

const startName = 'startedEpoch'
const endName = 'endedEpoch'

/** Binary form of a committee, without its epoch, which is its key. */
export function encodeCommitteeRow({ members, endedAtSeconds, ends }: CommitteeRow): Uint8Array {
  const writer = new ByteWriter(512).uint8(members.length)
  for (const member of members) writer.hex(member)
  writer.uint40(endedAtSeconds).uint8(ends.length)
  for (const { member, votesRoot, signature } of ends) {
    writer.uint8(member).hex(votesRoot).hex(signature)
  }
  return writer.finish()
}

/** Reads what `encodeCommitteeRow` wrote. */
export function decodeCommitteeRow(bytes: Uint8Array): CommitteeRow {
  const reader = new ByteReader(bytes)
  const members = Array.from({ length: reader.uint8() }, () => reader.hex(20))
  const endedAtSeconds = seconds(reader.uint40())
  const ends = Array.from({ length: reader.uint8() }, () => ({
    member: reader.uint8(),
    votesRoot: reader.hex(32),
    signature: reader.hex(64),
  }))
  return { members, endedAtSeconds, ends }
}

/** What is known of past epochs. Derived: the store has it all. */
export class EpochBook {
  #rows = new Map<number, CommitteeRow>()
  /** Asked for with each vote. */
  readonly #endsHashes = new Map<number, Bytes32>()
  /** The last epoch in which this member gave its last word: it never votes in it again. */
  endedEpoch: number | undefined
  /** The newest epoch for which the reports of the one before were taken over. */
  started: StartMark | undefined

  reload(store: Store): void {
    this.#rows = new Map()
    this.#endsHashes.clear()
    for (const { key, value } of store.entries(buckets.committee)) {
      this.#rows.set(Number(new ByteReader(key).uint64()), decodeCommitteeRow(value))
    }
    const ended = store.get(buckets.meta, metaKey(endName))
    this.endedEpoch = ended && new ByteReader(ended).uint32()
    const started = store.get(buckets.meta, metaKey(startName))
    this.started = started && readStartMark(started)
  }

  rowOf(epoch: number): CommitteeRow | undefined {
    return this.#rows.get(epoch)
  }

  /** What stands for the last words in an epoch, as the chain has them. */
  endsHashOf(epoch: number): Bytes32 {
    const known = this.#endsHashes.get(epoch)
    if (known !== undefined) return known
    const hash = hashEnds(this.#rows.get(epoch)?.ends ?? [])
    this.#endsHashes.set(epoch, hash)
    return hash
  }
}

function readStartMark(bytes: Uint8Array): StartMark {
  const reader = new ByteReader(bytes)
  return { epoch: reader.uint32(), endsHash: reader.hex(32) }
}

/** The change that remembers that the reports behind an epoch were taken over. */
export function startChange({ epoch, endsHash }: StartMark): Change {
  const value = new ByteWriter(36).uint32(epoch).hex(endsHash).finish()
  return { bucket: buckets.meta, key: metaKey(startName), value }
}

/** The change that remembers that this member votes no more in an epoch. */
export function endChange(epoch: number): Change {
  const value = new ByteWriter(4).uint32(epoch).finish()
  return { bucket: buckets.meta, key: metaKey(endName), value }
}

/**
 * What an event of the chain says of committees; undefined for other events. `store` shows what
 * earlier events of the same update said, and `current` is the committee before it.
 */
export function epochChange(
  store: Pick<Store, 'get'>,
  current: Committee,
  event: ChainEvent,
  timeSeconds: Seconds,
): Change | undefined {
  if (event.kind !== 'EpochOpened' && event.kind !== 'EpochEnded') return undefined
  const { epoch } = event
  const key = numberKey(epoch)
  const bucket = buckets.committee
  if (event.kind === 'EpochOpened') {
    const row = { members: event.members, endedAtSeconds: seconds(0), ends: [] }
    return { bucket, key, value: encodeCommitteeRow(row) }
  }
  const bytes = store.get(bucket, key)
  const known = current.epoch === epoch ? [...current.members] : []
  const members = bytes === undefined ? known : decodeCommitteeRow(bytes).members
  const row = { members, endedAtSeconds: timeSeconds, ends: event.ends }
  return { bucket, key, value: encodeCommitteeRow(row) }
}

function hashEnds(ends: readonly SignedEpochEnd[]): Bytes32 {
  const writer = new ByteWriter(33 * ends.length)
  for (const { member, votesRoot } of ends) writer.uint8(member).hex(votesRoot)
  return bytesToHex(keccak256(writer.finish()))
}
