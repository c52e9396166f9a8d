import { afterAll, describe, expect, it } from 'vitest'
import {
  growTree,
  makeSubmission,
  partyOf,
  testMarket,
} from '../../../test/support/tradeFixture.ts'
import type { CtpSubmission } from '../../protocol/ctpSubmission.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createInlineVerifier } from './inlineVerifier.ts'
import { createWorkerVerifier } from './workerVerifier.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')
const tree = growTree(testMarket, 'verifier', 4)
const verifiers = [
  { name: 'inline', verifier: createInlineVerifier(testMarket) },
  { name: 'worker', verifier: createWorkerVerifier(testMarket, 2) },
]

afterAll(async () => {
  for (const { verifier } of verifiers) await verifier.close()
})

/** Valid ones, and at places three that are refused for different reasons. */
function makeMixture(count: number): CtpSubmission[] {
  return Array.from({ length: count }, (_unused, nonce) => {
    const { meterKey: _, ...submission } = makeSubmission({
      ...{ consumer, producer, nonce, tree, leaf: nonce % 16 },
    })
    if (nonce === 3) return { ...submission, market: { ...testMarket, chainId: 1 } }
    if (nonce === 5) return { ...submission, meterReadySignature: submission.consumerSignature }
    if (nonce === 7) return { ...submission, consumerSignature: `0x${'ff'.repeat(64)}` as const }
    return submission
  })
}

describe.each(verifiers)('the $name verifier', ({ verifier }) => {
  it.each([9, 100])('judges each of %i submissions in order', async (count) => {
    const submissions = makeMixture(count)
    const results = await verifier.verify(submissions)
    expect(results).toHaveLength(count)
    for (const [index, result] of results.entries()) {
      const isRefused = [3, 5, 7].includes(index)
      expect(result instanceof SpbError).toBe(isRefused)
      if (result instanceof SpbError) continue
      expect(result.consumer).toBe(consumer.address)
      expect(result.submission).toBe(submissions[index])
    }
    const codeAt = (index: number) => (results[index] as SpbError).code
    expect([codeAt(3), codeAt(5), codeAt(7)]).toEqual([
      'ctp/wrong-market',
      'meter/not-ready',
      'signature/invalid',
    ])
  })
})
