import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { findGethBinary } from './gethBinary.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-geth-binary-'))
const [old, modern, nowhere] = ['geth', 'modern', 'none'].map((name) => join(folder, name)) as [
  string,
  string,
  string,
]
beforeAll(() => {
  for (const [path, version] of [
    [old, '1.13.15-stable'],
    [modern, '1.17.0-stable'],
  ] as const) {
    writeFileSync(path, `#!/bin/sh\necho Geth\necho "Version: ${version}"\n`)
    chmodSync(path, 0o755)
  }
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('takes the geth that is named, else the installed one, else one of the PATH', () => {
  const places = { installed: nowhere, path: '' }
  expect(findGethBinary({ ...places, named: old })).toBe(old)
  expect(findGethBinary({ ...places, named: undefined, installed: old })).toBe(old)
  expect(findGethBinary({ ...places, named: undefined, path: `/nowhere:${folder}` })).toBe(old)
})

test('takes none that cannot seal, and no other than the named one', () => {
  const refusal = expect.objectContaining({ code: 'chain/no-binary' })
  const places = { installed: old, path: folder }
  expect(() => findGethBinary({ ...places, named: modern })).toThrow(refusal)
  expect(() => findGethBinary({ ...places, named: nowhere })).toThrow(refusal)
  const none = { installed: modern, path: '', named: undefined }
  expect(() => findGethBinary(none)).toThrow(refusal)
})
