import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytesToHex, zeroBytes32 } from './bytes.ts'
import { rootExtraOf, rootStartOf, rootTextBytes, rootTextLength, rootTextOf } from './rootText.ts'

const roots = fc.uint8Array({ minLength: 32, maxLength: 32 }).map(bytesToHex)

describe('the text of a root', () => {
  it('is the seven-bit groups of its first 28 bytes, the most significant first', () => {
    const root = `0x${'01'.repeat(7)}${'ff'.repeat(21)}00000000` as const
    const [first] = [rootTextOf(root).slice(0, 8)]
    expect([...first].map((character) => character.charCodeAt(0))).toEqual([
      0b0000000, 0b1000000, 0b0100000, 0b0010000, 0b0001000, 0b0000100, 0b0000010, 0b0000001,
    ])
    expect(rootTextOf(root).slice(8)).toBe('\x7f'.repeat(24))
    expect(rootTextOf(zeroBytes32)).toBe('\0'.repeat(rootTextLength))
  })

  it('is one byte a character, and tells 28 bytes of the root', () => {
    const holds = fc.property(roots, (root) => {
      const text = rootTextOf(root)
      const bytes = new TextEncoder().encode(text)
      expect(bytes).toHaveLength(rootTextLength)
      expect(rootExtraOf(root)).toBe(bytesToHex(bytes))
      expect(rootStartOf(rootExtraOf(root))).toBe(root.slice(0, 2 + 2 * rootTextBytes))
    })
    fc.assert(holds, { seed: 1, numRuns: 200 })
  })

  it('is not read out of what no root was written into', () => {
    expect(rootStartOf('0x')).toBeUndefined()
    expect(rootStartOf(`0x${'00'.repeat(31)}`)).toBeUndefined()
    expect(rootStartOf(`0x${'00'.repeat(31)}80`)).toBeUndefined()
  })
})
