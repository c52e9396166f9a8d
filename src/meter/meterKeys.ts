import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { KeyReference, MeterSigner } from '../ports/meterSigner.ts'
import { concatBytes } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { digestOf } from '../protocol/digest.ts'
import { addressOf, isPrivateKey, signDigest } from '../protocol/signature.ts'
import { assert } from '../protocol/spbError.ts'

/** Bytes of the seed from which all keys of a meter come. */
export const seedBytes = 32

const text = new TextEncoder()
const salt = text.encode('SPB meter keys')
const identityLabel = text.encode('identity v1')
const leafLabel = text.encode('one-time v1')

/**
 * The first candidate that is a private key: counter 0 but for once in about 2^128 times.
 *
 * `candidateAt` gives 32 bytes for a counter from 0 to 255.
 */
export function findPrivateKey(candidateAt: (counter: number) => Uint8Array): Uint8Array {
  for (let counter = 0; counter < 256; counter++) {
    const candidate = candidateAt(counter)
    if (isPrivateKey(candidate)) return candidate
  }
  assert(false, 'one of 256 candidates is a private key')
}

/**
 * A meter's keys, derived from a seed of 32 bytes with HKDF-SHA256 (RFC 5869).
 *
 * The info of a one-time key is its label, tree (uint32), leaf (uint32) and counter (uint8); that
 * of the identity key its label and counter. So no key tells of another.
 */
export function createSeedSigner(seed: Uint8Array): MeterSigner {
  assert(seed.length === seedBytes, 'a seed has 32 bytes')
  const pseudoRandomKey = extract(sha256, seed, salt)
  const derive = (info: Uint8Array): Uint8Array =>
    findPrivateKey((counter) =>
      expand(sha256, pseudoRandomKey, concatBytes(info, Uint8Array.of(counter)), 32),
    )
  const deriveLeaf = ({ tree, leaf }: KeyReference): Uint8Array =>
    derive(concatBytes(leafLabel, new ByteWriter(8).uint32(tree).uint32(leaf).finish()))

  const identityKey = derive(identityLabel)
  return {
    identity: addressOf(identityKey),
    leafKeys: (tree, height) =>
      Array.from({ length: 2 ** height }, (_, leaf) => addressOf(deriveLeaf({ tree, leaf }))),
    signAsIdentity: (digest) => signDigest(digest, identityKey),
    signAsLeaf: (key, { market, name, message }) =>
      signDigest(digestOf(market, name, message), deriveLeaf(key)),
  }
}
