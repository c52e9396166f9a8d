import { randomBytes, scryptSync } from 'node:crypto'
import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { bytesToHex, type Hex, hexToBytes, isHex } from '../../protocol/bytes.ts'
import { decodeHex, decodeNumber, decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** How a password becomes a key: scrypt (RFC 7914), about 0.1 s and 32 MiB at `n` = 2^15. */
export type SealCost = { kdf: 'scrypt'; n: number; r: number; p: number; salt: Hex }

/**
 * A seed, or nothing where a secure element holds the keys, sealed with XChaCha20-Poly1305 together
 * with what it covers openly: a text that goes with it, or a digest of that.
 */
export type SealedSeed = SealCost & { cipher: 'xchacha20-poly1305'; nonce: Hex; box: Hex }

/** A password's key, derived once, with what it was derived from. */
export type SealKey = { cost: SealCost; key: Uint8Array }

const saltBytes = 16
const nonceBytes = 24
const seedBytes = 32
const tagBytes = 16
/** A damaged file shall not make anybody wait or take up the memory. */
const highestN = 2 ** 18

/** Derives a key from a password; with a new salt where no cost is given. Takes about 0.1 s. */
export function deriveSealKey(password: string, given?: SealCost): SealKey {
  const cost = given ?? {
    ...{ kdf: 'scrypt', n: 2 ** 15, r: 8, p: 1 },
    salt: bytesToHex(randomBytes(saltBytes)),
  }
  const { kdf, n, r, p, salt } = cost
  // scrypt fills 128 n r bytes; Node refuses above 32 MiB unless told that more is meant.
  const settings = { N: n, r, p, maxmem: 2 * 128 * n * r }
  const key = scryptSync(password.normalize('NFKC'), hexToBytes(salt), 32, settings)
  return { cost: { kdf, n, r, p, salt }, key }
}

/** Seals a seed of 32 bytes or none; whoever changes what is covered breaks the seal. */
export function sealSeed(
  seed: Uint8Array | undefined,
  covered: Uint8Array,
  { cost, key }: SealKey,
): SealedSeed {
  const nonce = randomBytes(nonceBytes)
  const box = xchacha20poly1305(key, nonce, covered).encrypt(seed ?? new Uint8Array())
  return {
    ...cost,
    cipher: 'xchacha20-poly1305',
    nonce: bytesToHex(nonce),
    box: bytesToHex(box),
  }
}

/**
 * Opens a seal; undefined where it holds no seed. Throws `account/wrong-password` for another key,
 * and where what is covered was changed.
 */
export function openSeal(
  sealed: SealedSeed,
  covered: Uint8Array,
  { key }: SealKey,
): Uint8Array | undefined {
  try {
    const cipher = xchacha20poly1305(key, hexToBytes(sealed.nonce), covered)
    const seed = cipher.decrypt(hexToBytes(sealed.box))
    return seed.length === 0 ? undefined : seed
  } catch {
    throw new SpbError('account/wrong-password', 'The password does not open the meter.')
  }
}

const sealFields = ['kdf', 'n', 'r', 'p', 'salt', 'cipher', 'nonce', 'box']

/** Parses a sealed seed from JSON. Throws `input/*`. */
export function decodeSealedSeed(value: unknown): SealedSeed {
  const object = decodeObject(value, sealFields, 'sealed')
  const n = decodeNumber(object.n, highestN, 'n')
  const isKnown = object.kdf === 'scrypt' && object.cipher === 'xchacha20-poly1305'
  if (!isKnown || n < 2 || (n & (n - 1)) !== 0 || object.r !== 8 || object.p !== 1) {
    throw new SpbError('input/shape', 'The seal is not of a known kind.')
  }
  const isEmpty = isHex(object.box, tagBytes)
  return {
    ...{ kdf: 'scrypt', n, r: 8, p: 1, cipher: 'xchacha20-poly1305' },
    salt: decodeHex(object.salt, saltBytes, 'salt'),
    nonce: decodeHex(object.nonce, nonceBytes, 'nonce'),
    box: decodeHex(object.box, isEmpty ? tagBytes : seedBytes + tagBytes, 'box'),
  }
}
