import type { Address, Bytes32, Signature } from './bytes.ts'
import {
  type Committee,
  checkVoteSet,
  decodeSignatures,
  type MemberSignature,
  verifyQuorum,
} from './committee.ts'
import { type IdentifiedCtp, identifyCtp, type SignedCtp } from './ctpSubmission.ts'
import {
  decodeAddress,
  decodeHex,
  decodeList,
  decodeMessage,
  decodeNumber,
  decodeObject,
  encodeMessage,
} from './decodeMessage.ts'
import { digestOf, type Market } from './digest.ts'
import { limits } from './limits.ts'
import { type MerklePath, rootOfPath } from './merkle.ts'
import { decodeMerklePath } from './merklePathCodec.ts'
import { recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'
import { maxUint32 } from './units.ts'

/** One member's vote for a CTP: its signature covers a batch, the path leads to this CTP. */
export type Vote = MemberSignature & { path: MerklePath }

/** A CTP whose money is reserved: `q` votes of one epoch. */
export type HoldCertificate = SignedCtp & { epoch: number; votes: Vote[] }

/** Stands in for the hold certificate of a nonce that got stuck. */
export type VoidCertificate = {
  epoch: number
  account: Address
  nonce: number
  signatures: MemberSignature[]
}

/** Height of the largest vote batch: 64 CTPs. */
const voteHeight = Math.log2(limits.ctpsPerVote)

/** The root that a vote's signature covers. Throws `merkle/invalid-path`. */
export function ctpsRootOf(ctpId: Bytes32, path: MerklePath): Bytes32 {
  const root = path.siblings.length > voteHeight ? undefined : rootOfPath(ctpId, path)
  if (root === undefined) throw new SpbError('merkle/invalid-path')
  return root
}

/** Who cast a vote, or undefined where nobody can have. Throws `merkle/invalid-path`. */
export function recoverVoter(
  market: Market,
  epoch: number,
  ctpId: Bytes32,
  vote: { path: MerklePath; signature: Signature },
): Address | undefined {
  const ctpsRoot = ctpsRootOf(ctpId, vote.path)
  return recoverSigner(digestOf(market, 'HoldVote', { epoch, ctpsRoot }), vote.signature)
}

/**
 * Checks a hold certificate and says for which CTP of which consumer it is.
 *
 * Throws `certificate/wrong-epoch`, `certificate/vote-order`, `certificate/too-few-votes`,
 * `signature/invalid`, `merkle/invalid-path`, and what `identifyCtp` throws.
 */
export function verifyHoldCertificate(
  market: Market,
  committee: Committee,
  certificate: HoldCertificate,
): IdentifiedCtp {
  if (certificate.epoch !== committee.epoch) throw new SpbError('certificate/wrong-epoch')
  checkVoteSet(committee, certificate.votes)
  const identified = identifyCtp(market, certificate)
  for (const vote of certificate.votes) {
    const voter = recoverVoter(market, certificate.epoch, identified.ctpId, vote)
    if (voter !== committee.members[vote.member]) {
      throw new SpbError('signature/invalid', `Member ${vote.member} did not vote for this CTP.`)
    }
  }
  return identified
}

/** Checks a void certificate. Throws `certificate/*`, `signature/invalid`. */
export function verifyVoidCertificate(
  market: Market,
  committee: Committee,
  certificate: VoidCertificate,
): void {
  const { epoch, account, nonce, signatures } = certificate
  if (epoch !== committee.epoch) throw new SpbError('certificate/wrong-epoch')
  verifyQuorum(market, committee, 'NonceVoid', { epoch, account, nonce }, signatures)
}

/** Parses a vote from JSON. Throws `input/*`. */
export function decodeVote(value: unknown): Vote {
  const object = decodeObject(value, ['member', 'signature', 'path'], 'vote')
  return {
    member: decodeNumber(object.member, limits.members - 1, 'member'),
    signature: decodeHex(object.signature, 64, 'signature'),
    path: decodeMerklePath(object.path, voteHeight),
  }
}

/** Parses a hold certificate from JSON. Throws `input/*`. */
export function decodeHoldCertificate(value: unknown): HoldCertificate {
  const fields = ['ctp', 'consumerSignature', 'epoch', 'votes']
  const object = decodeObject(value, fields, 'hold certificate')
  return {
    ctp: decodeMessage('Ctp', object.ctp),
    consumerSignature: decodeHex(object.consumerSignature, 64, 'consumerSignature'),
    epoch: decodeNumber(object.epoch, maxUint32, 'epoch'),
    votes: decodeList(object.votes, limits.members, 'votes', decodeVote),
  }
}

/** The JSON form of a hold certificate. */
export function encodeHoldCertificate(certificate: HoldCertificate): Record<string, unknown> {
  return {
    ctp: encodeMessage('Ctp', certificate.ctp),
    consumerSignature: certificate.consumerSignature,
    epoch: certificate.epoch,
    votes: certificate.votes.map(({ member, signature, path }) => ({ member, signature, path })),
  }
}

/** Parses a void certificate from JSON. Throws `input/*`. */
export function decodeVoidCertificate(value: unknown): VoidCertificate {
  const fields = ['epoch', 'account', 'nonce', 'signatures']
  const object = decodeObject(value, fields, 'void certificate')
  return {
    epoch: decodeNumber(object.epoch, maxUint32, 'epoch'),
    account: decodeAddress(object.account, 'account'),
    nonce: decodeNumber(object.nonce, maxUint32, 'nonce'),
    signatures: decodeSignatures(object.signatures),
  }
}
