import type { Address, Hex } from '../../protocol/bytes.ts'
import { bytesToHex, hexToBytes } from '../../protocol/bytes.ts'
import { quorumOf } from '../../protocol/committee.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { recoverSigner } from '../../protocol/signature.ts'

const voteLength = 65

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
