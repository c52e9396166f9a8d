import { bytesToHex, type Hex, type Signature } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { type Committee, checkVoteSet, quorumOf } from './committee.ts'
import type { HoldCertificate, Vote } from './holdCertificate.ts'
import { limits } from './limits.ts'
import { packBatch } from './settlementBatch.ts'
import type { SignedErc } from './signedErc.ts'
import { assert, SpbError } from './spbError.ts'
import { type Seconds, wh } from './units.ts'

/** What the contract's `decline` takes: a certified trade, given up by its producer. */
export type DeclineCall = { epoch: number; item: Hex; votes: Hex }

/** What the contract's `settleWithProof` takes: a certified trade with its receipt. */
export type SettleWithProofCall = DeclineCall & {
  measuredAtSeconds: Seconds
  ercSignature: Signature
}

/** Bytes of a packed vote without its path's siblings. */
const voteBytes = 67

/**
 * The contract's form of a hold certificate's votes, one after the other, in their order: member 1,
 * signature 64, index of the path 1, its height 1, its siblings 32 each.
 *
 * The contract takes exactly a quorum of them. Their paths were checked before.
 */
export function packProofVotes(votes: readonly Vote[]): Hex {
  const writer = new ByteWriter(voteBytes * votes.length)
  for (const { member, signature, path } of votes) {
    const { index, siblings } = path
    const leaves = 2 ** siblings.length
    assert(index < leaves && leaves <= limits.ctpsPerVote, 'a vote’s path fits its tree')
    writer.uint8(member).hex(signature).uint8(index).uint8(siblings.length)
    for (const sibling of siblings) writer.hex(sibling)
  }
  return bytesToHex(writer.finish())
}

function packProof(committee: Committee, certificate: HoldCertificate, deliveredWh: number) {
  const { ctp, consumerSignature, epoch, votes } = certificate
  if (epoch !== committee.epoch) throw new SpbError('certificate/wrong-epoch')
  checkVoteSet(committee, votes)
  return {
    epoch,
    item: packBatch([{ ctp, consumerSignature, deliveredWh: wh(deliveredWh) }]),
    // A certificate may have more votes than a quorum; the contract refuses them.
    votes: packProofVotes(votes.slice(0, quorumOf(committee))),
  }
}

/**
 * Packs what a producer needs to be paid without any node's help.
 *
 * Certificate and receipt were checked before, and are of one CTP; `committee` is that of the
 * certificate's epoch. Throws `certificate/wrong-epoch`, `certificate/vote-order`,
 * `certificate/too-few-votes`.
 */
export function packSettleWithProof(
  committee: Committee,
  certificate: HoldCertificate,
  { erc, signature }: SignedErc,
): SettleWithProofCall {
  return {
    ...packProof(committee, certificate, erc.deliveredWh),
    measuredAtSeconds: erc.measuredAtSeconds,
    ercSignature: signature,
  }
}

/** Packs what a producer needs to give a certified trade up. Throws as `packSettleWithProof`. */
export function packDecline(committee: Committee, certificate: HoldCertificate): DeclineCall {
  return packProof(committee, certificate, 0)
}
