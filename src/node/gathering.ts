import type { Bytes32 } from '../protocol/bytes.ts'
import { type Committee, quorumOf } from '../protocol/committee.ts'
import type { SignedCtp, VerifiedCtp } from '../protocol/ctpSubmission.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { type Ballot, type CertificateBatch, messageLimits } from '../protocol/nodeMessages.ts'
import type { ListVote } from './voteLists.ts'

/** A CTP for which a gateway gathers votes. */
export type Gathering = {
  readonly verified: VerifiedCtp
  epoch: number
  readonly votes: Map<number, ListVote>
  /** The last refusal of each member that refused. */
  readonly refusals: Map<number, ErrorCode>
  readonly askedAtMs: Map<number, number>
  /** Members that were shown what they lacked, and how often. */
  readonly repairs: Map<number, number>
  /** Members that were shown the votes of others. */
  readonly vouched: Set<number>
  sinceMs: number
}

/** A gathering without votes. */
export function startGathering(verified: VerifiedCtp, epoch: number, nowMs: number): Gathering {
  return {
    ...{ verified, epoch, sinceMs: nowMs },
    votes: new Map(),
    refusals: new Map(),
    askedAtMs: new Map(),
    repairs: new Map(),
    vouched: new Set(),
  }
}

/** The quorum's votes in member order, once there are enough; those of known cheats left out. */
export function quorumVotesOf(
  { votes }: Gathering,
  committee: Committee,
  isCheat: (member: number) => boolean,
): ListVote[] | undefined {
  const quorum = quorumOf(committee)
  if (votes.size < quorum) return undefined
  const counted = [...votes.values()].filter(({ member }) => !isCheat(member))
  if (counted.length < quorum) return undefined
  return counted.sort((a, b) => a.member - b.member).slice(0, quorum)
}

/** Begins anew in another epoch: votes of two epochs make no certificate. */
export function renewGathering(gathering: Gathering, epoch: number): void {
  gathering.epoch = epoch
  for (const part of ['votes', 'refusals', 'askedAtMs', 'repairs', 'vouched'] as const) {
    gathering[part].clear()
  }
}

/** How many votes came, and why not more. */
export function describeVotes({ votes, refusals }: Gathering, committee: Committee): string {
  const codes = [...new Set(refusals.values())].join(', ')
  const came = `${votes.size} of ${quorumOf(committee)} votes came`
  return codes === '' ? `${came}.` : `${came}; refusals: ${codes}.`
}

type Certified = { signed: SignedCtp; votes: readonly ListVote[] }

/** What certifies CTPs, in as few batches as others read: each list and signature once in one. */
export function batchesOf(epoch: number, certified: readonly Certified[]): CertificateBatch[] {
  const batches: CertificateBatch[] = []
  let part: Certified[] = []
  let lists = new Set<Bytes32>()
  let ballots = new Set<string>()
  for (const one of certified) {
    const roots = one.votes.map(({ list }) => list.root)
    const names = one.votes.map(({ member, list }) => `${member} ${list.root}`)
    const isFull =
      part.length >= messageLimits.certificatesPerBatch ||
      new Set([...lists, ...roots]).size > messageLimits.lists ||
      new Set([...ballots, ...names]).size > messageLimits.ballots
    if (isFull) {
      batches.push(batchOf(epoch, part))
      part = []
      lists = new Set()
      ballots = new Set()
    }
    part.push(one)
    for (const root of roots) lists.add(root)
    for (const name of names) ballots.add(name)
  }
  if (part.length > 0) batches.push(batchOf(epoch, part))
  return batches
}

/** What certifies several CTPs at once: each list and each signature once. */
function batchOf(epoch: number, certified: readonly Certified[]): CertificateBatch {
  const lists = new Map<Bytes32, number>()
  const ids: Bytes32[][] = []
  const ballots = new Map<string, Ballot>()
  for (const { votes } of certified) {
    for (const { member, signature, list } of votes) {
      let place = lists.get(list.root)
      if (place === undefined) {
        place = ids.length
        lists.set(list.root, place)
        ids.push([...list.ids])
      }
      ballots.set(`${member} ${place}`, { member, signature, list: place })
    }
  }
  const items = certified.map(({ signed: { ctp, consumerSignature } }) => {
    return { ctp, consumerSignature }
  })
  return { kind: 'certificates', epoch, items, lists: ids, ballots: [...ballots.values()] }
}
