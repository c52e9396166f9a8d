import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { expand, extract } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import {
  type Address,
  type Bytes32,
  bytesToHex,
  concatBytes,
  type Hex,
  hexToBytes,
} from './bytes.ts'
import { assert, SpbError } from './spbError.ts'

/** Gives so many bytes that nobody can foresee. */
export type RandomBytes = (length: number) => Uint8Array

/** An X25519 key pair to which requests are sealed. */
export type SealingKeys = { secretKey: Uint8Array; publicKey: Bytes32 }

/** Who alone can open a request. */
export type BoxRecipient = { witness: Address; sealingKey: Bytes32 }

/** A sealed request, and the way to open its answer, which only its sender has. */
export type SentBox = {
  box: Hex
  /** Throws `witness/box-invalid` for all but an answer to this very request. */
  openAnswer(box: Hex): Uint8Array
}

/** An opened request, and the way to answer it. */
export type ReceivedBox = {
  content: Uint8Array
  /** Seals an answer of at most `answerBytes`. */
  sealAnswer(content: Uint8Array, randomBytes: RandomBytes): Hex
}

/** Bytes of every box, request or answer, so that sizes tell nothing. */
export const boxBytes = 1024

const keyBytes = 32
const nonceBytes = 24
const tagBytes = 16
const lengthBytes = 2
/** The first byte of every box. */
const version = Uint8Array.of(1)

/** Most bytes that a request holds. */
export const requestBytes = boxBytes - 1 - keyBytes - nonceBytes - tagBytes - lengthBytes
/** Most bytes that an answer holds. */
export const answerBytes = boxBytes - 1 - nonceBytes - tagBytes - lengthBytes

const text = new TextEncoder()
const salt = text.encode('SPB witness box v1')
const requestLabel = text.encode('request')
const answerLabel = text.encode('answer')

const refuse = (message: string, cause?: unknown): SpbError =>
  new SpbError('witness/box-invalid', message, cause === undefined ? {} : { cause })

/** Key pair of 32 random bytes. */
export function createSealingKeys(secretKey: Uint8Array): SealingKeys {
  assert(secretKey.length === keyBytes, 'a sealing key has 32 bytes')
  return { secretKey: secretKey.slice(), publicKey: bytesToHex(x25519.getPublicKey(secretKey)) }
}

/** Both directions have keys of their own, bound to everything that both sides know. */
type BoxKeys = { request: Uint8Array; answer: Uint8Array; associatedData: Uint8Array }

/** What sealing and opening share; `shared` is the X25519 secret (RFC 7748). */
function deriveKeys(shared: Uint8Array, to: BoxRecipient, ephemeralKey: Uint8Array): BoxKeys {
  const parties = concatBytes(ephemeralKey, hexToBytes(to.sealingKey), hexToBytes(to.witness))
  const pseudoRandomKey = extract(sha256, shared, salt)
  const derive = (label: Uint8Array) =>
    expand(sha256, pseudoRandomKey, concatBytes(label, parties), keyBytes)
  return {
    request: derive(requestLabel),
    answer: derive(answerLabel),
    associatedData: concatBytes(version, hexToBytes(to.witness), ephemeralKey),
  }
}

/** The X25519 secret. Throws `witness/box-invalid` for a key that would make it all zeros. */
function agree(secretKey: Uint8Array, publicKey: Uint8Array): Uint8Array {
  let shared: Uint8Array
  try {
    shared = x25519.getSharedSecret(secretKey, publicKey)
  } catch (cause) {
    throw refuse('The key is not one to seal with.', cause)
  }
  assert(
    shared.some((byte) => byte !== 0),
    'an all-zero secret is refused',
  )
  return shared
}

/** `length uint16 ‖ content ‖ zeros`, filled up to `mostBytes` of content. */
function pad(content: Uint8Array, mostBytes: number): Uint8Array {
  assert(content.length <= mostBytes, 'the content fits into its box')
  const padded = new Uint8Array(lengthBytes + mostBytes)
  new DataView(padded.buffer).setUint16(0, content.length)
  padded.set(content, lengthBytes)
  return padded
}

function unpad(padded: Uint8Array): Uint8Array {
  const length = new DataView(padded.buffer, padded.byteOffset).getUint16(0)
  const end = lengthBytes + length
  const isPadded = end <= padded.length && padded.subarray(end).every((byte) => byte === 0)
  if (!isPadded) throw refuse('The box is not filled up as it must be.')
  return padded.slice(lengthBytes, end)
}

/** `nonce ‖ ciphertext`. */
function encrypt(
  content: Uint8Array,
  mostBytes: number,
  key: Uint8Array,
  { associatedData }: BoxKeys,
  randomBytes: RandomBytes,
): Uint8Array {
  const nonce = randomBytes(nonceBytes)
  const cipher = xchacha20poly1305(key, nonce, associatedData)
  return concatBytes(nonce, cipher.encrypt(pad(content, mostBytes)))
}

function decrypt(sealed: Uint8Array, key: Uint8Array, { associatedData }: BoxKeys): Uint8Array {
  const nonce = sealed.subarray(0, nonceBytes)
  let padded: Uint8Array
  try {
    padded = xchacha20poly1305(key, nonce, associatedData).decrypt(sealed.subarray(nonceBytes))
  } catch (cause) {
    throw refuse('The box is not sealed to this key, or was altered.', cause)
  }
  return unpad(padded)
}

/** The bytes of a box after its version. Throws `witness/box-invalid`. */
function unwrap(box: Hex): Uint8Array {
  const bytes = hexToBytes(box)
  if (bytes.length !== boxBytes) throw refuse(`A box has ${boxBytes} bytes.`)
  if (bytes[0] !== version[0]) throw refuse('The box is of a version that is not known.')
  return bytes.subarray(1)
}

/**
 * The key that a sealed request was made with, fresh for each: it names the request.
 *
 * Throws `witness/box-invalid` for what is not a box.
 */
export function requestIdOf(box: Hex): Bytes32 {
  return bytesToHex(unwrap(box).subarray(0, keyBytes))
}

/**
 * Seals up to `requestBytes` so that only the recipient can read them, and only he can answer:
 * X25519 with a key of this one request, HKDF-SHA256, XChaCha20-Poly1305. Version, witness and
 * that key are associated data.
 *
 * `version 1 ‖ key 32 ‖ nonce 24 ‖ ciphertext`; an answer: `version 1 ‖ nonce 24 ‖ ciphertext`.
 * Throws `witness/box-invalid` for a recipient's key that everybody could open.
 */
export function sealRequest(
  content: Uint8Array,
  to: BoxRecipient,
  randomBytes: RandomBytes,
): SentBox {
  const own = createSealingKeys(randomBytes(keyBytes))
  const ephemeralKey = hexToBytes(own.publicKey)
  const shared = agree(own.secretKey, hexToBytes(to.sealingKey))
  const keys = deriveKeys(shared, to, ephemeralKey)
  const sealed = encrypt(content, requestBytes, keys.request, keys, randomBytes)
  return {
    box: bytesToHex(concatBytes(version, ephemeralKey, sealed)),
    openAnswer: (box) => decrypt(unwrap(box), keys.answer, keys),
  }
}

/** Opens a request to a witness's sealing key. Throws `witness/box-invalid`. */
export function openRequest(box: Hex, witness: Address, own: SealingKeys): ReceivedBox {
  const bytes = unwrap(box)
  const ephemeralKey = bytes.slice(0, keyBytes)
  const shared = agree(own.secretKey, ephemeralKey)
  const keys = deriveKeys(shared, { witness, sealingKey: own.publicKey }, ephemeralKey)
  return {
    content: decrypt(bytes.subarray(keyBytes), keys.request, keys),
    sealAnswer: (content, randomBytes) => {
      const sealed = encrypt(content, answerBytes, keys.answer, keys, randomBytes)
      return bytesToHex(concatBytes(version, sealed))
    },
  }
}
