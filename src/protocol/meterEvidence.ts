import type { Address, Signature } from './bytes.ts'
import { decodeHex, decodeMessage, decodeObject, encodeMessage } from './decodeMessage.ts'
import { digestOf, type Market } from './digest.ts'
import { limits } from './limits.ts'
import { type MerklePath, rootOfPath } from './merkle.ts'
import { decodeMerklePath } from './merklePathCodec.ts'
import type { Coe, MeterCertificate } from './messages.ts'
import { recoverSigner } from './signature.ts'
import { SpbError } from './spbError.ts'
import type { Seconds } from './units.ts'

/** A Certificate of Existence, whole: the witness's word, and why the witness is a meter. */
export type SignedCoe = {
  coe: Coe
  /** By the witness. */
  coeSignature: Signature
  witness: MeterCertificate
  /** By the witness's manufacturer. */
  witnessSignature: Signature
}

/**
 * Proof that a key belongs to some genuine meter; the paper's Certificate of Existence.
 *
 * Kind 0: the key is a leaf of a tree whose root another meter witnessed. A union, so that other
 * proofs can follow.
 */
export type MeterEvidence = SignedCoe & { kind: 0; path: MerklePath }

/** Who vouches, as the signatures of a CoE show. */
export type Voucher = { witness: Address; manufacturer: Address }

/**
 * Remembers the two signature checks of a CoE: the witness's, which all keys of a tree share, and
 * the manufacturer's, which all CoEs of a witness share. The key says all that was checked.
 */
export type VoucherCache = {
  get(signature: Signature): { key: string; voucher: Voucher } | undefined
  set(signature: Signature, entry: { key: string; voucher: Voucher }): void
}

/** Runs a check of a signature, unless the very same one passed before. */
function checkOnce(
  cache: VoucherCache | undefined,
  signature: Signature,
  facts: readonly (string | number)[],
  check: () => Voucher,
): Voucher {
  const key = facts.join()
  const cached = cache?.get(signature)
  if (cached !== undefined && cached.key === key) return cached.voucher
  const voucher = check()
  cache?.set(signature, { key, voucher })
  return voucher
}

/** Who made the witness, by its certificate. Throws `meter/coe-invalid`. */
function verifyWitness(market: Market, signed: SignedCoe, cache?: VoucherCache): Voucher {
  const { witness, witnessSignature } = signed
  const facts = [witness.meter, witness.model, witness.notAfterSeconds]
  return checkOnce(cache, witnessSignature, facts, () => {
    const digest = digestOf(market, 'MeterCertificate', witness)
    const manufacturer = recoverSigner(digest, witnessSignature)
    if (manufacturer === undefined) {
      throw new SpbError('meter/coe-invalid', 'The witness’s certificate is malformed.')
    }
    return { witness: witness.meter, manufacturer }
  })
}

/**
 * Checks a CoE's signatures: the witness signed it, and a manufacturer vouches for the witness.
 *
 * Whether the market trusts that manufacturer is for the caller to know. Throws
 * `meter/coe-invalid`.
 */
export function verifyCoe(market: Market, signed: SignedCoe, cache?: VoucherCache): Voucher {
  const { coe, coeSignature, witness, witnessSignature } = signed
  const facts = [
    ...[market.chainId, market.address],
    ...[coe.root, coe.height, coe.notBeforeSeconds, coe.notAfterSeconds],
    ...[witness.meter, witness.model, witness.notAfterSeconds, witnessSignature],
  ]
  return checkOnce(cache, coeSignature, facts, () => {
    if (coe.height > limits.treeHeight) {
      throw new SpbError('meter/coe-invalid', `A tree is at most ${limits.treeHeight} high.`)
    }
    if (recoverSigner(digestOf(market, 'CoE', coe), coeSignature) !== witness.meter) {
      throw new SpbError('meter/coe-invalid', 'The CoE is not signed by the witness it names.')
    }
    return verifyWitness(market, signed, cache)
  })
}

/**
 * Checks that evidence vouches for a meter key until a CTP's expiry.
 *
 * Every end is compared with the CTP, never with block time, so that none can kill a live hold.
 * Throws `meter/coe-invalid`, `meter/coe-expired`, `meter/witness-expired`,
 * `meter/self-witnessed`, `merkle/invalid-path`.
 */
export function verifyMeterEvidence(
  market: Market,
  evidence: MeterEvidence,
  meterKey: Address,
  expirySeconds: Seconds,
  cache?: VoucherCache,
): Voucher {
  const { coe, path, witness } = evidence
  if (path.siblings.length !== coe.height) {
    throw new SpbError('merkle/invalid-path', 'The path is not as long as the tree is high.')
  }
  if (rootOfPath(meterKey, path) !== coe.root) throw new SpbError('merkle/invalid-path')
  // A tree cannot hold its owner's identity key without saying which meter it belongs to.
  if (meterKey === witness.meter) throw new SpbError('meter/self-witnessed')
  const voucher = verifyCoe(market, evidence, cache)
  if (coe.notBeforeSeconds > expirySeconds || expirySeconds > coe.notAfterSeconds) {
    throw new SpbError('meter/coe-expired')
  }
  if (expirySeconds > witness.notAfterSeconds) throw new SpbError('meter/witness-expired')
  return voucher
}

const coeFields = ['coe', 'coeSignature', 'witness', 'witnessSignature'] as const

function readSignedCoe(object: Record<string, unknown>): SignedCoe {
  return {
    coe: decodeMessage('CoE', object.coe),
    coeSignature: decodeHex(object.coeSignature, 64, 'coeSignature'),
    witness: decodeMessage('MeterCertificate', object.witness),
    witnessSignature: decodeHex(object.witnessSignature, 64, 'witnessSignature'),
  }
}

/** Parses a CoE with its witness from JSON. Throws `input/*`. */
export function decodeSignedCoe(value: unknown): SignedCoe {
  return readSignedCoe(decodeObject(value, coeFields, 'signed CoE'))
}

/** Parses meter evidence from JSON. Throws `input/*`. */
export function decodeMeterEvidence(value: unknown): MeterEvidence {
  const object = decodeObject(value, ['kind', 'path', ...coeFields], 'evidence')
  if (object.kind !== 0) throw new SpbError('input/shape', 'The kind of evidence is not known.')
  return {
    kind: 0,
    path: decodeMerklePath(object.path, limits.treeHeight),
    ...readSignedCoe(object),
  }
}

/** The JSON form of a CoE with its witness. */
export function encodeSignedCoe(signed: SignedCoe): Record<string, unknown> {
  return {
    coe: encodeMessage('CoE', signed.coe),
    coeSignature: signed.coeSignature,
    witness: encodeMessage('MeterCertificate', signed.witness),
    witnessSignature: signed.witnessSignature,
  }
}

/** The JSON form of meter evidence. */
export function encodeMeterEvidence(evidence: MeterEvidence): Record<string, unknown> {
  return { kind: evidence.kind, path: evidence.path, ...encodeSignedCoe(evidence) }
}
