import { describe, expect, it } from 'vitest'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { auditReceipts, type ObservedReceipt } from './privacyAudit.ts'

const address = (digit: string): Address => `0x${digit.repeat(40)}`
const root = (digit: string): Bytes32 => `0x${digit.repeat(64)}`

function receipt(key: string, tree: string, witness: string, consumer = 'c'): ObservedReceipt {
  const [meterKey, vouching] = [address(key), address(witness)]
  return { consumer: address(consumer), meterKey, root: root(tree), witness: vouching }
}

describe('what evidence links', () => {
  it('is nothing where there are no receipts', () => {
    expect(auditReceipts([])).toEqual({
      ...{ receipts: 0, roots: 0, receiptsPerRootMean: 0, receiptsPerRootMost: 0 },
      ...{ linkableReceipts: 0, repeatedKeys: 0, accountsPerRootMost: 0 },
      ...{ witnesses: 0, witnessAnonymitySet: 0 },
    })
  })

  it('is the receipts of one root, and the accounts that it joins', () => {
    const seen = [receipt('1', 'a', 'e', 'c'), receipt('2', 'a', 'e', 'd'), receipt('3', 'b', 'e')]
    expect(auditReceipts(seen)).toMatchObject({
      ...{ receipts: 3, roots: 2, receiptsPerRootMean: 1.5, receiptsPerRootMost: 2 },
      ...{ linkableReceipts: 2, accountsPerRootMost: 2, repeatedKeys: 0 },
    })
  })

  it('counts a meter key that two receipts show', () => {
    expect(auditReceipts([receipt('1', 'a', 'e'), receipt('1', 'a', 'e')]).repeatedKeys).toBe(1)
  })

  it('weighs witnesses by the roots for which they vouch, not by receipts', () => {
    const even = [receipt('1', 'a', 'e'), receipt('2', 'a', 'e'), receipt('3', 'b', 'f')]
    expect(auditReceipts(even)).toMatchObject({ witnesses: 2, witnessAnonymitySet: 2 })
    const uneven = [...even, receipt('4', 'c', 'e'), receipt('5', 'd', 'e')]
    const { witnessAnonymitySet } = auditReceipts(uneven)
    // Three of four roots by one witness: 0.811 bits.
    expect(witnessAnonymitySet).toBeCloseTo(2 ** 0.811278, 5)
  })
})
