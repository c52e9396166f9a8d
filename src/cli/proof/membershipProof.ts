import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { decodeMarket } from '../../protocol/ctpSubmission.ts'
import {
  decodeAddress,
  decodeHex,
  decodeNumber,
  decodeObject,
} from '../../protocol/decodeMessage.ts'
import type { Market } from '../../protocol/digest.ts'
import { decodeSparseProof, type SparseProof } from '../../protocol/sparseProof.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** Shows what a node's CTP database held under a CTP's id, and which header names its root. */
export type MembershipProof = {
  version: 1
  market: Market
  ctpId: Bytes32
  /** Of the CTP's state; null where the database did not hold it. */
  digest: Bytes32 | null
  root: Bytes32
  proof: SparseProof
  /** A block whose header names the root; null where none did. */
  block: ProofBlock | null
}

/** A block by number and hash, and who made it where its header says. */
export type ProofBlock = { number: number; hash: Bytes32; proposer: Address | null }

/** Characters of a proof's file at most: 256 hashes on its path. */
export const mostMembershipCharacters = 32_768

function decodeBlock(value: unknown): ProofBlock {
  const { number, hash, proposer } = decodeObject(value, ['number', 'hash', 'proposer'], 'block')
  return {
    number: decodeNumber(number, Number.MAX_SAFE_INTEGER, 'number'),
    hash: decodeHex(hash, 32, 'hash'),
    proposer: proposer === null ? null : decodeAddress(proposer, 'proposer'),
  }
}

/** Parses the text of a proof's file. Throws `input/*`. */
export function parseMembershipProof(text: string): MembershipProof {
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch (cause) {
    throw new SpbError('input/shape', 'The proof is no JSON document.', { cause })
  }
  const names = ['version', 'market', 'ctpId', 'digest', 'root', 'proof', 'block']
  const object = decodeObject(json, names, 'membership proof')
  if (object.version !== 1) throw new SpbError('input/shape', 'The proof is of another version.')
  const { digest, block } = object
  return {
    version: 1,
    market: decodeMarket(object.market),
    ctpId: decodeHex(object.ctpId, 32, 'ctpId'),
    digest: digest === null ? null : decodeHex(digest, 32, 'digest'),
    root: decodeHex(object.root, 32, 'root'),
    proof: decodeSparseProof(object.proof),
    block: block === null ? null : decodeBlock(block),
  }
}
