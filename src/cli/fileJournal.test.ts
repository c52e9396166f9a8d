import { readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import type { CtpSubmission } from '../protocol/ctpSubmission.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { openFileJournal } from './fileJournal.ts'
import { createTestCli } from './testCli.cases.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const path = join(createTestCli().cwd, 'alice.journal.json')
const address = (fill: string) => `0x${fill.repeat(20)}` as const
const market = { chainId: 5, address: address('52') }
const alice = address('a1')

function submissionAt(nonce: number): CtpSubmission {
  const signature = `0x${'5e'.repeat(64)}` as const
  const notAfterSeconds = seconds(9)
  const root = `0x${'07'.repeat(32)}` as const
  return {
    market,
    ctp: {
      ...{ producer: address('b0'), offerId: 1n, amountWei: wei(10n), energyWh: wh(5), nonce },
      ...{ expirySeconds: seconds(7), meterKey: address('3e') },
    },
    consumerSignature: signature,
    meterReadySignature: signature,
    evidence: {
      kind: 0,
      path: { index: 0, siblings: [] },
      coe: { root, height: 0, notBeforeSeconds: seconds(1), notAfterSeconds },
      coeSignature: signature,
      witness: { meter: address('11'), model: root, notAfterSeconds },
      witnessSignature: signature,
    },
  }
}

describe('the journal', () => {
  it('remembers what was signed at a nonce, for its owner only', async () => {
    const journal = openFileJournal(path)
    expect(await journal.load(market, alice, 0)).toBeUndefined()
    const submission = submissionAt(0)
    await journal.save(market, alice, submission)
    expect(await openFileJournal(path).load(market, alice, 0)).toEqual(submission)
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('knows accounts and markets apart', async () => {
    const journal = openFileJournal(path)
    expect(await journal.load(market, address('a2'), 0)).toBeUndefined()
    expect(await journal.load({ ...market, chainId: 6 }, alice, 0)).toBeUndefined()
  })

  it('never keeps two at one nonce', () => {
    const again = () => openFileJournal(path).save(market, alice, submissionAt(0))
    expect(again).toThrow(refusal('ctp/nonce-reused'))
  })

  it('is not taken for empty where it is damaged', () => {
    const text = readFileSync(path, 'utf8')
    for (const damaged of [text.slice(0, -20), '{}', text.replace('"nonce": 0', '"nonce": -1')]) {
      writeFileSync(path, damaged)
      const load = () => openFileJournal(path).load(market, alice, 1)
      expect(load).toThrow(refusal('account/damaged'))
    }
  })
})
