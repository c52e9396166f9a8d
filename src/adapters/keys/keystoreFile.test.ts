import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { hexToBytes } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import {
  createKeystoreFile,
  decodeKeystore,
  encodeKeystore,
  openKeystoreFile,
  readKeystoreAddress,
} from './keystoreFile.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-keystore-'))
afterAll(() => rmSync(folder, { recursive: true }))

const privateKey = hexToBytes(`0x${'7a'.repeat(31)}01`)
const cheap = { n: 1024 }
const text = encodeKeystore(privateKey, 'secret', cheap)
const refusal = (code: string) => expect.objectContaining({ code })

type Json = Record<string, unknown> & { crypto: Record<string, unknown> }
const altered = (change: (json: Json) => void): string => {
  const json = JSON.parse(text) as Json
  change(json)
  return JSON.stringify(json)
}

describe('a keystore', () => {
  it('gives its key back for its password', () => {
    expect(decodeKeystore(text, 'secret')).toEqual(privateKey)
    expect(text).not.toContain('7a7a7a7a')
  })

  it('takes one password however its accents are encoded', () => {
    const composed = encodeKeystore(privateKey, 'gar\u00e7on', cheap)
    expect(decodeKeystore(composed, 'garc\u0327on')).toEqual(privateKey)
  })

  // The test vectors of the Web3 Secret Storage definition.
  it.each([
    [
      'scrypt',
      {
        cipher: 'aes-128-ctr',
        cipherparams: { iv: '83dbcc02d8ccb40e466191a123791e0e' },
        ciphertext: 'd172bf743a674da9cdad04534d56926ef8358534d458fffccd4e6ad2fbde479c',
        kdf: 'scrypt',
        kdfparams: {
          ...{ dklen: 32, n: 262144, p: 8, r: 1 },
          salt: 'ab0c7876052600dd703518d6fc3fe8984592145b591fc8fb5c6d43190334ba19',
        },
        mac: '2103ac29920d71da29f15d75b4a16dbe95cfd7ff8faea1056c33131d846e3097',
      },
    ],
    [
      'pbkdf2',
      {
        cipher: 'aes-128-ctr',
        cipherparams: { iv: '6087dab2f9fdbbfaddc31a909735c1e6' },
        ciphertext: '5318b4d5bcd28de64ee5559e671353e16f075ecae9f99c7a79a38af5f869aa46',
        kdf: 'pbkdf2',
        kdfparams: {
          ...{ c: 262144, dklen: 32, prf: 'hmac-sha256' },
          salt: 'ae3cd4e7013836a3df6bd7241b12db061dbe2c6785853cce422d148a624ce0bd',
        },
        mac: '517ead924a9d0dc3124507e3393d175ce3ff7c1e96529c6c555ce9e51205e9b2',
      },
    ],
  ])('of another wallet opens: %s', (_, crypto) => {
    const foreign = JSON.stringify({
      crypto,
      id: '3198bc9c-6672-5ab3-d995-4942343ae5b6',
      version: 3,
    })
    expect(decodeKeystore(foreign, 'testpassword')).toEqual(
      hexToBytes('0x7a28b5ba57c53603b0b07b56bba752f7784bf506fa95edc395f5cf6c7514fe9d'),
    )
  })

  it('stays shut for another password', () => {
    expect(() => decodeKeystore(text, 'Secret')).toThrow(refusal('account/wrong-password'))
  })

  it.each([
    ['is not JSON', text.slice(0, -10)],
    ['is no object', 'null'],
    ['is of another version', altered((json) => Object.assign(json, { version: 4 }))],
    ['lacks its salt', altered(({ crypto }) => Object.assign(crypto, { kdfparams: {} }))],
    ['has another cipher', altered(({ crypto }) => Object.assign(crypto, { cipher: 'rot13' }))],
    [
      'would take all memory',
      altered(({ crypto }) => Object.assign(crypto.kdfparams as object, { n: 2 ** 30 })),
    ],
    ['names another address', altered((json) => Object.assign(json, { address: '00'.repeat(20) }))],
  ])('is refused where it %s', (_, damaged) => {
    expect(() => decodeKeystore(damaged, 'secret')).toThrow(refusal('account/damaged'))
  })
})

describe('a keystore file', () => {
  const path = join(folder, 'accounts', 'alice.json')

  it('is made once, for its owner only', () => {
    createKeystoreFile(path, text)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(() => createKeystoreFile(path, text)).toThrow(refusal('account/exists'))
    expect(readFileSync(path, 'utf8')).toBe(text)
  })

  it('opens, and tells its address without a password', () => {
    expect(openKeystoreFile(path, 'secret')).toEqual(privateKey)
    expect(readKeystoreAddress(path)).toBe(addressOf(privateKey))
  })

  it('may be missing or nameless', () => {
    const missing = join(folder, 'nobody.json')
    expect(() => openKeystoreFile(missing, 'x')).toThrow(refusal('account/unknown'))
    writeFileSync(
      missing,
      altered((json) => delete json.address),
    )
    expect(() => readKeystoreAddress(missing)).toThrow(refusal('account/damaged'))
    expect(() => openKeystoreFile(folder, 'x')).toThrow(refusal('file/unreadable'))
  })

  it('says so where it cannot be written', () => {
    writeFileSync(join(folder, 'file'), '')
    const inFile = join(folder, 'file', 'bob.json')
    expect(() => createKeystoreFile(inFile, text)).toThrow(refusal('store/failed'))
  })
})
