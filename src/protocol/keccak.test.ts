import { keccak_256 } from '@noble/hashes/sha3.js'
import { bytesToHex, utf8ToBytes } from '@noble/hashes/utils.js'
import fc from 'fast-check'
import { afterEach, describe, expect, it, vi } from 'vitest'

type Keccak = typeof import('./keccak.ts')

afterEach(() => {
  vi.unstubAllGlobals()
  vi.resetModules()
})

async function loadKeccak(hasWebAssembly: boolean): Promise<Keccak['keccak256']> {
  vi.resetModules()
  if (!hasWebAssembly) vi.stubGlobal('WebAssembly', undefined)
  const { keccak256, isKeccakFast } = await import('./keccak.ts')
  expect(isKeccakFast).toBe(hasWebAssembly)
  return keccak256
}

describe.each([
  ['with WebAssembly', true],
  ['without WebAssembly', false],
])('keccak256 %s', (_name, hasWebAssembly) => {
  it('matches the known vectors', async () => {
    const keccak256 = await loadKeccak(hasWebAssembly)
    const empty = 'c5d2460186f7233c927e7db2dcc703c0e500b653ca82273b7bfad8045d85a470'
    const abc = '4e03657aea45a94fc7d47ba826c8d667c0d1e6e33a64a036ec44f58fa12d6c45'
    expect(bytesToHex(keccak256())).toBe(empty)
    expect(bytesToHex(keccak256(new Uint8Array(0)))).toBe(empty)
    expect(bytesToHex(keccak256(utf8ToBytes('abc')))).toBe(abc)
    expect(bytesToHex(keccak256(utf8ToBytes('a'), utf8ToBytes('bc')))).toBe(abc)
  })

  it('agrees with an independent implementation, however the bytes are split', async () => {
    const keccak256 = await loadKeccak(hasWebAssembly)
    const bytes = fc.uint8Array({ minLength: 0, maxLength: 700 })
    fc.assert(
      fc.property(fc.array(bytes, { maxLength: 4 }), (parts) => {
        const joined = Uint8Array.from(parts.flatMap((part) => [...part]))
        expect(keccak256(...parts)).toEqual(keccak_256(joined))
      }),
      { seed: 1, numRuns: 300 },
    )
  })

  it('takes views into larger buffers and gives bytes of its own', async () => {
    const keccak256 = await loadKeccak(hasWebAssembly)
    const whole = Uint8Array.from({ length: 100 }, (_, index) => index)
    const first = keccak256(whole.subarray(17, 60))
    const copy = first.slice()
    keccak256(whole)
    expect(first).toEqual(copy)
    expect(first).toEqual(keccak_256(whole.slice(17, 60)))
    expect(first).toHaveLength(32)
  })
})
