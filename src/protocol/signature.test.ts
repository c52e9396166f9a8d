import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import {
  addressFor,
  bytes32For,
  keyOf,
  makeCtp,
  market,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Hex, hexToBytes } from './bytes.ts'
import { digestOf } from './digest.ts'

type SignatureModule = typeof import('./signature.ts')

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const parityBit = 1n << 255n
const word = (value: bigint) => value.toString(16).padStart(64, '0')
const digest = keyOf('digest')
const key = keyOf('signer')
const signer = addressFor('signer')

function partsOf(signature: Hex) {
  const packed = BigInt(`0x${signature.slice(66)}`)
  const s = packed & (parityBit - 1n)
  return { r: BigInt(signature.slice(0, 66)), s, parity: packed - s }
}

describe.each(['native', 'noble'] as const)('signatures on the %s curve', (backend) => {
  let subject: SignatureModule
  beforeAll(async () => {
    vi.resetModules()
    if (backend === 'noble') vi.doMock('#curve', () => import('./nobleCurve.ts'))
    subject = await import('./signature.ts')
  })
  afterAll(() => {
    vi.doUnmock('#curve')
    vi.resetModules()
  })

  it('says which code checks them', async () => {
    const { curve } = await import('./nativeCurve.ts')
    expect(subject.curveBackend).toBe(backend === 'noble' ? 'noble' : curve.backend)
  })

  it('knows the address of a known key', () => {
    const one = hexToBytes(`0x${word(1n)}`)
    expect(subject.addressOf(one)).toBe('0x7e5f4552091a69125d5dfcb7b8c2659029395bdf')
  })

  it('finds who signed, for both parities', () => {
    const parities = new Set<bigint>()
    for (let i = 0; i < 16; i++) {
      const message = keyOf(`digest ${i}`)
      const signature = subject.signDigest(message, key)
      parities.add(partsOf(signature).parity)
      expect(signature).toMatch(/^0x[0-9a-f]{128}$/)
      expect(subject.recoverSigner(message, signature)).toBe(signer)
      expect(subject.signDigest(message, key)).toBe(signature)
    }
    expect(parities).toEqual(new Set([0n, parityBit]))
  })

  it('does not change what it is given', () => {
    const copy = digest.slice()
    const signature = subject.signDigest(digest, key)
    subject.recoverSigner(digest, signature)
    expect(digest).toEqual(copy)
  })

  it('takes both cases of hexadecimal', () => {
    const signature = subject.signDigest(digest, key)
    const upper = `0x${signature.slice(2).toUpperCase()}` as Hex
    expect(subject.recoverSigner(digest, upper)).toBe(signer)
  })

  it('recovers somebody else from an altered signature or digest', () => {
    const signature = subject.signDigest(digest, key)
    const { r, s, parity } = partsOf(signature)
    const flipped: Hex = `0x${word(r)}${word(s + (parityBit - parity))}`
    const other = subject.recoverSigner(digest, flipped)
    expect(other).toMatch(/^0x[0-9a-f]{40}$/)
    expect(other).not.toBe(signer)
    expect(subject.recoverSigner(keyOf('other'), signature)).not.toBe(signer)
  })

  it('does not take the twin with a high s for the signer’s', () => {
    const { r, s } = partsOf(subject.signDigest(digest, key))
    const twin: Hex = `0x${word(r)}${word(order - s)}`
    expect(subject.recoverSigner(digest, twin)).not.toBe(signer)
    // The top bit is the parity, so a high s that fits below it lies just above half the order.
    const justAbove: Hex = `0x${word(r)}${word((order >> 1n) + 1n)}`
    expect(subject.recoverSigner(digest, justAbove)).toBeUndefined()
    const largest: Hex = `0x${word(r)}${word(parityBit - 1n)}`
    expect(subject.recoverSigner(digest, largest)).toBeUndefined()
    const exactlyHalf: Hex = `0x${word(r)}${word(order >> 1n)}`
    expect(subject.recoverSigner(digest, exactlyHalf)).toBeDefined()
  })

  it.each([
    ['empty text', ''],
    ['0x', '0x'],
    ['63 bytes', `0x${'11'.repeat(63)}`],
    ['65 bytes', `0x${'11'.repeat(65)}`],
    ['no prefix', '11'.repeat(65)],
    ['other letters', `0x${'gg'.repeat(64)}`],
    ['zeros', `0x${'00'.repeat(64)}`],
    ['zeros with parity', `0x${'00'.repeat(32)}80${'00'.repeat(31)}`],
    ['zero r', `0x${word(0n)}${word(1n)}`],
    ['zero s', `0x${word(1n)}${word(0n)}`],
    ['zero s with parity', `0x${word(1n)}${word(parityBit)}`],
    ['r of the order', `0x${word(order)}${word(1n)}`],
    ['r on no point', `0x${word(5n)}${word(1n)}`],
    ['ones', `0x${'ff'.repeat(64)}`],
  ])('finds nobody behind %s', (_name, signature) => {
    expect(subject.recoverSigner(digest, signature as Hex)).toBeUndefined()
  })

  it('judges private keys', () => {
    expect(subject.isPrivateKey(key)).toBe(true)
    expect(subject.isPrivateKey(hexToBytes(`0x${word(order - 1n)}`))).toBe(true)
    expect(subject.isPrivateKey(hexToBytes(`0x${word(order)}`))).toBe(false)
    expect(subject.isPrivateKey(new Uint8Array(32))).toBe(false)
    expect(subject.isPrivateKey(new Uint8Array(31).fill(1))).toBe(false)
    expect(subject.isPrivateKey(new Uint8Array(33).fill(1))).toBe(false)
  })

  it('signs messages for one market', () => {
    const ctp = makeCtp()
    const signature = subject.signMessage(market, 'Ctp', ctp, key)
    expect(signature).toBe(subject.signDigest(digestOf(market, 'Ctp', ctp), key))
    expect(subject.recoverMessage(market, 'Ctp', ctp, signature)).toBe(signer)
    expect(subject.recoverMessage(sameAddressOtherChain, 'Ctp', ctp, signature)).not.toBe(signer)
  })

  it('refuses a malformed signature of a message, and names the message', () => {
    const message = { ctpId: bytes32For('ctp') }
    const zeros = bytesToHex(new Uint8Array(64))
    expect(() => subject.recoverMessage(market, 'Accept', message, zeros)).toThrow(
      expect.objectContaining({
        code: 'signature/invalid',
        message: 'The signature of the Accept is malformed.',
      }),
    )
  })
})
