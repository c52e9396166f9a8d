import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { bytesToHex, hexToBytes, isHex } from '../../protocol/bytes.ts'
import { isPrivateKey } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { replaceFile } from '../meter/replaceFile.ts'

/** A fresh private key of 32 bytes from the system's random numbers. */
export function generatePrivateKey(): Uint8Array {
  for (;;) {
    const candidate = Uint8Array.from(randomBytes(32))
    if (isPrivateKey(candidate)) return candidate
  }
}

/**
 * The private key (32 bytes) of an unencrypted key file: 0x and 64 hexadecimal digits.
 *
 * Throws `file/unreadable`, `account/damaged`.
 */
export function readKeyFile(path: string): Uint8Array {
  let text: string
  try {
    text = readFileSync(path, 'utf8').trim()
  } catch (cause) {
    throw new SpbError('file/unreadable', `The key file ${path} cannot be read.`, { cause })
  }
  const hex = text.startsWith('0x') ? text : `0x${text}`
  if (isHex(hex, 32)) {
    const privateKey = hexToBytes(hex)
    if (isPrivateKey(privateKey)) return privateKey
  }
  throw new SpbError('account/damaged', `There is no private key in ${path}.`, {
    hint: 'A key file holds 0x and 64 hexadecimal digits. Restore a backup of it.',
  })
}

/**
 * The key of a file, which is made with a fresh key where it is not there: readable by its owner
 * only, for programs that start without a person who could type a password.
 *
 * Throws what `readKeyFile` does, and `store/failed`.
 */
export function openKeyFile(path: string): Uint8Array {
  if (existsSync(path)) return readKeyFile(path)
  const privateKey = generatePrivateKey()
  try {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 })
    replaceFile(path, `${bytesToHex(privateKey)}\n`)
  } catch (cause) {
    throw new SpbError('store/failed', `The key file ${path} cannot be written.`, { cause })
  }
  return privateKey
}
