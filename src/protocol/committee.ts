import { type Address, bytesToHex, type Hex, hexToBytes, type Signature } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { decodeHex, decodeList, decodeNumber, decodeObject } from './decodeMessage.ts'
import { digestOf, type Market } from './digest.ts'
import { limits } from './limits.ts'
import type { MessageName, Messages } from './messages.ts'
import { recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'

/** The signing addresses of an epoch, in member order: `n = 3f + 1`. */
export type Committee = { epoch: number; members: readonly Address[] }

/** One member's signature; sets of them are strictly ordered by `member`. */
export type MemberSignature = { member: number; signature: Signature }

/** How many members may be malicious: `f` of `n = 3f + 1`. */
export function faultsOf(committee: Committee): number {
  return Math.floor((committee.members.length - 1) / 3)
}

/** How many votes decide: `q = 2f + 1`. */
export function quorumOf(committee: Committee): number {
  return 2 * faultsOf(committee) + 1
}

/**
 * Checks that votes are of distinct members in order and enough of them.
 *
 * Throws `certificate/vote-order`, `certificate/too-few-votes`.
 */
export function checkVoteSet(committee: Committee, votes: readonly { member: number }[]): void {
  let last = -1
  for (const { member } of votes) {
    // A member who does not exist would equal the signer of a malformed signature: undefined.
    if (!Number.isInteger(member) || member <= last || member >= committee.members.length) {
      throw new SpbError('certificate/vote-order')
    }
    last = member
  }
  const quorum = quorumOf(committee)
  if (votes.length < quorum) {
    throw new SpbError(
      'certificate/too-few-votes',
      `The certificate has ${votes.length} of ${quorum} votes.`,
    )
  }
}

/**
 * Checks a quorum's signatures over one message.
 *
 * Throws `certificate/vote-order`, `certificate/too-few-votes`, `signature/invalid`.
 */
export function verifyQuorum<Name extends MessageName>(
  market: Market,
  committee: Committee,
  name: Name,
  message: Messages[Name],
  signatures: readonly MemberSignature[],
): void {
  checkVoteSet(committee, signatures)
  const digest = digestOf(market, name, message)
  for (const { member, signature } of signatures) {
    if (recoverSigner(digest, signature) !== committee.members[member]) {
      throw new SpbError('signature/invalid', `Member ${member} did not sign this ${name}.`)
    }
  }
}

/** The contract's form of a set of signatures: 65 bytes each, the member's index first. */
export function packSignatures(signatures: readonly MemberSignature[]): Hex {
  const writer = new ByteWriter(65 * signatures.length)
  for (const { member, signature } of signatures) {
    writer.uint8(member).bytes(hexToBytes(signature))
  }
  return bytesToHex(writer.finish())
}

/** Parses a list of member signatures from JSON. Throws `input/*`. */
export function decodeSignatures(value: unknown): MemberSignature[] {
  return decodeList(value, limits.members, 'signatures', (item) => {
    const { member, signature } = decodeObject(item, ['member', 'signature'], 'signature')
    return {
      member: decodeNumber(member, limits.members - 1, 'member'),
      signature: decodeHex(signature, 64, 'signature'),
    }
  })
}
