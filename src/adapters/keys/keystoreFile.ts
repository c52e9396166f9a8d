import { randomBytes, scryptSync } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import {
  type DeriveOpts,
  decrypt,
  encrypt,
  type Keystore,
  type ScryptDeriveOpts,
  toKey,
} from 'ox/Keystore'
import { type Address, bytesToHex, hexToBytes, isHex } from '../../protocol/bytes.ts'
import { addressOf, isPrivateKey } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { replaceFile } from '../meter/replaceFile.ts'

/** Web3 Secret Storage version 3, with the address that wallets write into it as well. */
type KeystoreDocument = Keystore & { address: string }

/** How hard a password is made to guess: scrypt (RFC 7914) with r = 8, p = 1. */
export type KeystoreCost = {
  /** A power of two; 2^17 where left out, about 0.4 s and 128 MiB. */
  n?: number
}

const ordinaryN = 2 ** 17
/** A foreign or damaged file shall not take up the memory: 512 MiB. */
const mostMemoryBytes = 2 ** 29
const mostIterations = 10_000_000

const normalize = (password: string): string => password.normalize('NFKC')

/** A private key of 32 bytes sealed with a password, as the text of a keystore file. */
export function encodeKeystore(
  privateKey: Uint8Array,
  password: string,
  { n = ordinaryN }: KeystoreCost = {},
): string {
  const salt = randomBytes(32)
  const cost = { n, r: 8, p: 1 }
  const key = scryptSync(normalize(password), salt, 32, {
    ...{ N: cost.n, r: cost.r, p: cost.p },
    maxmem: 2 * mostMemoryBytes,
  })
  const keystore = encrypt(bytesToHex(privateKey), bytesToHex(key), {
    kdf: 'scrypt',
    kdfparams: { ...cost, dklen: 32, salt: salt.toString('hex') },
    iv: Uint8Array.from(randomBytes(16)),
  })
  const document: KeystoreDocument = { address: addressOf(privateKey).slice(2), ...keystore }
  return `${JSON.stringify(document, null, 2)}\n`
}

const isWord = (value: unknown, bytes: number): boolean => isHex(`0x${value}`, bytes)

/** How a keystore's key is derived; the library's own type loses which fields go with which. */
type Derivation = Pick<DeriveOpts, 'kdf' | 'kdfparams'>
type ScryptParameters = ScryptDeriveOpts['kdfparams']

function isAffordable({ kdf, kdfparams }: Derivation): boolean {
  if ('c' in kdfparams) {
    return kdf === 'pbkdf2' && kdfparams.c >= 1000 && kdfparams.c <= mostIterations
  }
  const { n, r, p } = kdfparams
  const isWhole = [n, r, p].every((each) => Number.isSafeInteger(each) && each > 0)
  return isWhole && n >= 1024 && Math.log2(n) % 1 === 0 && 128 * n * r * p <= mostMemoryBytes
}

/** Parses a keystore's text. Throws `account/damaged`. */
function decodeDocument(text: string): KeystoreDocument {
  const damaged = (cause?: unknown) => new SpbError('account/damaged', undefined, { cause })
  let document: KeystoreDocument
  try {
    document = JSON.parse(text) as KeystoreDocument
  } catch (cause) {
    throw damaged(cause)
  }
  const { crypto, version } = document ?? {}
  const isComplete =
    version === 3 &&
    crypto?.cipher === 'aes-128-ctr' &&
    isWord(crypto.ciphertext, 32) &&
    isWord(crypto.mac, 32) &&
    isWord(crypto.cipherparams?.iv, 16) &&
    (crypto.kdf === 'scrypt' || crypto.kdf === 'pbkdf2') &&
    isHex(`0x${crypto.kdfparams?.salt}`) &&
    crypto.kdfparams.dklen === 32 &&
    isAffordable(crypto)
  if (!isComplete) throw damaged()
  return document
}

function deriveKey(document: KeystoreDocument, password: string) {
  const { kdf, kdfparams } = document.crypto
  const { n: N, r, p, salt } = kdfparams as ScryptParameters
  // Node's own scrypt is several times faster, and does not know old files of r = 1.
  if (kdf !== 'scrypt' || r === 1) return toKey(document, { password: normalize(password) })
  const options = { N, r, p, maxmem: 2 * mostMemoryBytes }
  return bytesToHex(scryptSync(normalize(password), hexToBytes(`0x${salt}`), 32, options))
}

/**
 * The private key (32 bytes) in a keystore's text, by whatever wallet it was written.
 *
 * Throws `account/damaged`, `account/wrong-password`.
 */
export function decodeKeystore(text: string, password: string): Uint8Array {
  const document = decodeDocument(text)
  const key = deriveKey(document, password)
  let privateKey: Uint8Array
  try {
    privateKey = Uint8Array.from(decrypt(document, key, { as: 'Bytes' }))
  } catch (cause) {
    throw new SpbError('account/wrong-password', undefined, { cause })
  }
  if (!isPrivateKey(privateKey)) throw new SpbError('account/damaged')
  const { address } = document
  if (address !== undefined && addressOf(privateKey) !== addressFrom(address)) {
    throw new SpbError('account/damaged', 'The keystore holds the key of another address.')
  }
  return privateKey
}

function addressFrom(text: unknown): Address | undefined {
  const address = `0x${String(text).replace(/^0x/, '')}`
  return isHex(address, 20) ? (address.toLowerCase() as Address) : undefined
}

/** Writes a new keystore file, readable by its owner only. Throws `account/exists`. */
export function createKeystoreFile(path: string, text: string): void {
  if (existsSync(path)) throw new SpbError('account/exists')
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    replaceFile(path, text)
  } catch (cause) {
    throw new SpbError('store/failed', 'The keystore cannot be written.', { cause })
  }
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') throw new SpbError('account/unknown')
    throw new SpbError('file/unreadable', 'The keystore cannot be read.', { cause })
  }
}

/**
 * Opens a keystore file.
 *
 * Throws `account/unknown`, `account/damaged`, `account/wrong-password`, `file/unreadable`.
 */
export function openKeystoreFile(path: string, password: string): Uint8Array {
  return decodeKeystore(readText(path), password)
}

/**
 * The address that a keystore file says it is of; needs no password, so nothing proves it.
 *
 * Throws `account/unknown`, `account/damaged`, `file/unreadable`.
 */
export function readKeystoreAddress(path: string): Address {
  const address = addressFrom(decodeDocument(readText(path)).address)
  if (address === undefined) {
    throw new SpbError('account/damaged', 'The keystore does not name its address.')
  }
  return address
}
