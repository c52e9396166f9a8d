import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { bytesToHex, hexToBytes } from '../../protocol/bytes.ts'
import { type Committee, quorumOf } from '../../protocol/committee.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { digestOf, type Market } from '../../protocol/digest.ts'
import { rootOfPath } from '../../protocol/merkle.ts'
import { recoverSigner } from '../../protocol/signature.ts'

const voteLength = 65
/** A vote of a hold certificate, the siblings of its path not counted. */
const holdVoteLength = 67
const siblingLength = 32
const largestHeight = 6

/** The contract's check of one vote; `lowest` is the least index that is in order. */
export function requireVote(
  members: readonly Address[],
  memberIndex: number,
  lowest: number,
  digest: Uint8Array,
  signature: Hex,
): void {
  if (memberIndex < lowest) throw contractRefusal('VoteOutOfOrder', { memberIndex })
  if (memberIndex >= members.length) {
    throw contractRefusal('UnknownMember', { memberIndex, size: members.length })
  }
  if (recoverSigner(digest, signature) !== members[memberIndex]) {
    throw contractRefusal('InvalidVote', { memberIndex })
  }
}

/** The contract's check of packed votes: exactly a quorum, in order, each over `digest`. */
export function requireQuorum(members: readonly Address[], digest: Uint8Array, votes: Hex): void {
  const bytes = hexToBytes(votes)
  const expectedLength = quorumOf({ epoch: 0, members }) * voteLength
  if (bytes.length !== expectedLength) {
    throw contractRefusal('InvalidVotesLength', { length: bytes.length, expectedLength })
  }
  let lowest = 0
  for (let at = 0; at < bytes.length; at += voteLength) {
    const memberIndex = bytes[at]!
    const signature = bytesToHex(bytes.subarray(at + 1, at + voteLength))
    requireVote(members, memberIndex, lowest, digest, signature)
    lowest = memberIndex + 1
  }
}

/** The contract's check of a hold certificate's packed votes for `ctpId`. */
export function requireHeld(
  market: Market,
  committee: Committee,
  ctpId: Bytes32,
  votes: Hex,
): void {
  const bytes = hexToBytes(votes)
  const { epoch, members } = committee
  let place = 0
  let lowest = 0
  for (let missing = quorumOf(committee); missing > 0; missing--) {
    // Beyond its end, call data reads as zeros.
    const [memberIndex = 0, index = 0, height = 0] = [0, 65, 66].map((at) => bytes[place + at])
    const end = place + holdVoteLength + siblingLength * height
    if (end > bytes.length) {
      throw contractRefusal('InvalidHoldVotesLength', { length: bytes.length, expectedLength: end })
    }
    const siblings = Array.from({ length: height }, (_, level) => {
      const from = place + holdVoteLength + siblingLength * level
      return bytesToHex(bytes.subarray(from, from + siblingLength))
    })
    const ctpsRoot = height > largestHeight ? undefined : rootOfPath(ctpId, { index, siblings })
    if (ctpsRoot === undefined) {
      throw contractRefusal('InvalidVotePath', { memberIndex, index, height })
    }
    const digest = digestOf(market, 'HoldVote', { epoch, ctpsRoot })
    const signature = bytesToHex(bytes.subarray(place + 1, place + 65))
    requireVote(members, memberIndex, lowest, digest, signature)
    lowest = memberIndex + 1
    place = end
  }
  if (place !== bytes.length) {
    throw contractRefusal('InvalidHoldVotesLength', { length: bytes.length, expectedLength: place })
  }
}
