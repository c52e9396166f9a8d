import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { isPrivateKey } from '../../protocol/signature.ts'
import { generatePrivateKey, openKeyFile, readKeyFile } from './keyFile.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-key-'))
afterAll(() => rmSync(folder, { recursive: true }))
const refusal = (code: string) => expect.objectContaining({ code })

describe('a key file', () => {
  it('is made once, for its owner only', () => {
    const path = join(folder, 'node', 'member.key')
    const privateKey = openKeyFile(path)
    expect(isPrivateKey(privateKey)).toBe(true)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(openKeyFile(path)).toEqual(privateKey)
    expect(readKeyFile(path)).toEqual(privateKey)
  })

  it('may come without 0x', () => {
    const path = join(folder, 'bare.key')
    writeFileSync(path, '01'.repeat(32))
    expect(readKeyFile(path)).toEqual(new Uint8Array(32).fill(1))
  })

  it.each(['', '0x12', '00'.repeat(32), 'z'.repeat(64)])(
    'is refused where it holds “%s”',
    (text) => {
      const path = join(folder, 'bad.key')
      writeFileSync(path, text)
      expect(() => openKeyFile(path)).toThrow(refusal('account/damaged'))
    },
  )

  it('says why it cannot be read or written', () => {
    expect(() => readKeyFile(join(folder, 'none.key'))).toThrow(refusal('file/unreadable'))
    writeFileSync(join(folder, 'file'), '')
    expect(() => openKeyFile(join(folder, 'file', 'a.key'))).toThrow(refusal('store/failed'))
  })
})

describe('generatePrivateKey', () => {
  it('never gives the same key twice', () => {
    expect(generatePrivateKey()).not.toEqual(generatePrivateKey())
  })
})
