import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { bytes32For, keyOf } from '../../test/protocol/tradeFixture.ts'
import { type Hex, hexToBytes } from './bytes.ts'
import { curve as native } from './nativeCurve.ts'
import { curve as noble } from './nobleCurve.ts'

const order = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141'
const below = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364140'
const above = 'fffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364142'
const fieldPrime = 'fffffffffffffffffffffffffffffffffffffffffffffffffffffffefffffc2f'
const generatorX = '79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798'
const words = ['00', '01', '05', '7f', 'ff'].map((byte) => byte.padStart(64, '0'))
const hostileWords = [...words, order, below, above, fieldPrime, generatorX, 'f'.repeat(64)]
const bytesOf = (hex: string) => hexToBytes(`0x${hex}` as Hex)

// Where no native build loads, both are the same code, and there is nothing to compare.
describe.skipIf(native.backend === 'noble')('both curves (needs the native build)', () => {
  it('are different code', () => {
    expect([native.backend, noble.backend]).toEqual(['native', 'noble'])
  })

  it('sign alike and recover alike', () => {
    const word = fc.uint8Array({ minLength: 32, maxLength: 32 })
    fc.assert(
      fc.property(word, word, (digest, privateKey) => {
        fc.pre(noble.isPrivateKey(privateKey))
        const signed = noble.sign(digest, privateKey)
        const other = native.sign(digest, privateKey)
        expect([...other.rs, other.recovery]).toEqual([...signed.rs, signed.recovery])
        const publicKey = noble.publicKeyOf(privateKey)
        expect(native.publicKeyOf(privateKey)).toEqual(publicKey)
        for (const curve of [native, noble]) {
          expect(curve.recover(digest, signed.rs, signed.recovery)).toEqual(publicKey)
        }
      }),
      { seed: 1, numRuns: 40 },
    )
  })

  it('agree on signatures that nobody made', () => {
    const bit = fc.constantFrom(0, 1)
    const word = fc.oneof(
      fc.constantFrom(...hostileWords).map(bytesOf),
      fc.uint8Array({ minLength: 32, maxLength: 32 }),
    )
    let recovered = 0
    fc.assert(
      fc.property(word, word, word, bit, (digest, r, s, recovery) => {
        const rs = Uint8Array.from([...r, ...s])
        const publicKey = noble.recover(digest, rs, recovery)
        expect(native.recover(digest, rs, recovery)).toEqual(publicKey)
        if (publicKey !== undefined) recovered++
      }),
      { seed: 1, numRuns: 400 },
    )
    expect(recovered).toBeGreaterThan(20)
  })

  it.each([
    ['zero r', '0'.repeat(64), words[1]!],
    ['zero s', generatorX, '0'.repeat(64)],
    ['r of the order', order, words[1]!],
    ['s of the order', generatorX, order],
    ['r on no point', words[2]!, words[1]!],
  ])('both recover nothing from %s', (_name, r, s) => {
    for (const curve of [native, noble]) {
      expect(curve.recover(keyOf('digest'), bytesOf(r + s), 0)).toBeUndefined()
      expect(curve.recover(keyOf('digest'), bytesOf(r + s), 1)).toBeUndefined()
    }
  })

  it('both recover nothing from the point at infinity', () => {
    // R = G and s = digest, so that s·R − digest·G is nothing.
    for (const curve of [native, noble]) {
      const rs = bytesOf(generatorX + words[2])
      expect(curve.recover(bytesOf(words[2]!), rs, 0)).toBeUndefined()
      expect(curve.recover(bytesOf(words[2]!), rs, 1)).toBeDefined()
    }
  })

  it.each([
    ['zero', '0'.repeat(64), false],
    ['one', words[1]!, true],
    ['the largest', below, true],
    ['the order', order, false],
    ['more than the order', above, false],
    ['all ones', 'f'.repeat(64), false],
    ['a random one', bytes32For('key').slice(2), true],
  ])('both judge %s as private key alike', (_name, key, isKey) => {
    expect(native.isPrivateKey(bytesOf(key))).toBe(isKey)
    expect(noble.isPrivateKey(bytesOf(key))).toBe(isKey)
  })
})
