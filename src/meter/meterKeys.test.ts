import { describe, expect, it } from 'vitest'
import { digestOf } from '../protocol/digest.ts'
import { recoverSigner } from '../protocol/signature.ts'
import { createSeedSigner, findPrivateKey } from './meterKeys.ts'
import { bytes32, market } from './neighbourhood.cases.ts'

describe('keys of a seed', () => {
  const signer = createSeedSigner(bytes32(1))

  it('are the same each time', () => {
    const again = createSeedSigner(bytes32(1))
    expect(again.identity).toBe(signer.identity)
    expect(again.leafKeys(3, 4)).toEqual(signer.leafKeys(3, 4))
  })

  it('stay as they were published: a change would lose every meter’s keys', () => {
    expect(signer.identity).toMatchInlineSnapshot(`"0xf001bce707e139b95f1878d97e87e2a37028fc90"`)
    expect(signer.leafKeys(0, 1)).toMatchInlineSnapshot(`
      [
        "0xcdaf8e30125b44e6d76ade2940cca32b2f7b5045",
        "0x1adf097bf4b4acfb107b39ac51900d4b28ec8ba7",
      ]
    `)
  })

  it('differ by seed, tree and leaf, and from the identity key', () => {
    const other = createSeedSigner(bytes32(2))
    const keys = [
      ...[signer.identity, other.identity],
      ...[signer.leafKeys(0, 4), signer.leafKeys(1, 4), other.leafKeys(0, 4)].flat(),
    ]
    expect(new Set(keys).size).toBe(50)
  })

  it('do not depend on the height of the tree', () => {
    expect(signer.leafKeys(0, 4).slice(0, 2)).toEqual(signer.leafKeys(0, 1))
  })

  it('sign as what they say they are', () => {
    const digest = bytes32(9)
    expect(recoverSigner(digest, signer.signAsIdentity(digest))).toBe(signer.identity)
    const message = { ctpId: `0x${'0c'.repeat(32)}` } as const
    const signature = signer.signAsLeaf(
      { tree: 5, leaf: 3 },
      { market, name: 'MeterReady', message },
    )
    const signed = digestOf(market, 'MeterReady', message)
    expect(recoverSigner(signed, signature)).toBe(signer.leafKeys(5, 2)[3])
  })

  it('need a seed of 32 bytes', () => {
    expect(() => createSeedSigner(new Uint8Array(31))).toThrow('Invariant broken')
  })
})

describe('findPrivateKey', () => {
  it('passes over what is no private key', () => {
    const asked: number[] = []
    const candidates = [bytes32(0), bytes32(0xff), bytes32(7)]
    const found = findPrivateKey((counter) => {
      asked.push(counter)
      return candidates[counter]!
    })
    expect(found).toEqual(bytes32(7))
    expect(asked).toEqual([0, 1, 2])
  })

  it('ends where there is none', () => {
    expect(() => findPrivateKey(() => bytes32(0))).toThrow('Invariant broken')
  })
})
