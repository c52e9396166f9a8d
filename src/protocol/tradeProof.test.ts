import { describe, expect, it } from 'vitest'
import { makeErc, makeTradeProof, meterKeys, quorum } from '../../test/support/proofFixture.ts'
import { partyOf } from '../ports/chainWorld.ts'
import { addressOf, signMessage } from './signature.ts'
import {
  decodeTradeProof,
  encodeTradeProof,
  formatTradeProof,
  mostProofCharacters,
  parseTradeProof,
  type TradeProof,
  tradeProofOf,
} from './tradeProof.ts'
import { type CheckName, checkTradeProof } from './tradeProofChecks.ts'
import { seconds, wei, wh } from './units.ts'
import type { CtpDossier } from './views.ts'

const market = { chainId: 4_242, address: `0x${'5b'.repeat(20)}` } as const
const { proof, ctpId } = makeTradeProof(market)
const refusal = (code: string) => expect.objectContaining({ code })
const json = () => JSON.parse(formatTradeProof(proof)) as Record<string, unknown>

const full: TradeProof = {
  ...proof,
  settlement: { transactionHash: `0x${'ab'.repeat(32)}`, blockNumber: 7 },
  number: 17,
  certifiedAtSeconds: seconds(1_700_000_000),
}

describe('the file of a proof', () => {
  it('comes back as it was, with all of its parts or the fewest', () => {
    const { evidence: _, meterReadySignature: __, receipt: ___, ...least } = proof
    for (const each of [full, proof, least]) {
      expect(parseTradeProof(formatTradeProof(each))).toEqual(each)
      expect(decodeTradeProof(encodeTradeProof(each))).toEqual(each)
    }
  })

  it('is short enough with the votes of the largest committee', () => {
    const siblings = Array.from({ length: 6 }, () => ctpId)
    const vote = { ...proof.certificate.votes[0]!, path: { index: 63, siblings } }
    const votes = Array.from({ length: 100 }, (_, member) => ({ ...vote, member }))
    const text = formatTradeProof({ ...full, certificate: { epoch: 1, votes } })
    expect(text.length).toBeLessThanOrEqual(mostProofCharacters)
    expect(parseTradeProof(text).certificate.votes).toHaveLength(100)
  })

  it.each<[string, unknown, string]>(
    [
      ['null', null, 'input/shape'],
      ['a list', [], 'input/shape'],
      ['no format', { ...json(), format: undefined }, 'input/shape'],
      ['another format', { ...json(), format: 'spb-receipt' }, 'input/shape'],
      ['a newer version', { ...json(), version: 2 }, 'input/shape'],
      ['a field too many', { ...json(), says: 'paid' }, 'input/shape'],
      ['no certificate', { ...json(), certificate: undefined }, 'input/shape'],
      ['no market', { ...json(), market: null }, 'input/shape'],
      ['a zero market', { ...json(), market: { chainId: 1, address: `0x${'00'.repeat(20)}` } }],
      ['half a signature', { ...json(), consumerSignature: '0x12' }, 'input/hex'],
      ['a number as text', { ...json(), number: '17' }, 'input/number'],
      ['a time before 1970', { ...json(), certifiedAtSeconds: -1 }, 'input/number'],
      ['a settlement without block', { ...json(), settlement: {} }, 'input/shape'],
      ['evidence of another kind', { ...json(), evidence: { ...proof.evidence, kind: 1 } }],
      ['a receipt that is text', { ...json(), receipt: 'yes' }, 'input/shape'],
      [
        'too many votes',
        { ...json(), certificate: { epoch: 1, votes: Array(101).fill({}) } },
        'input/too-large',
      ],
    ].map(([name, value, code = '']) => [String(name), value, String(code)]),
  )('is refused: %s', (_, value, code) => {
    const expected = code === '' ? expect.stringMatching(/^input\//) : code
    const withoutGaps = JSON.parse(JSON.stringify(value))
    expect(() => decodeTradeProof(withoutGaps)).toThrow(refusal(expected))
  })

  it('is refused before it is read where it is no JSON or too long', () => {
    expect(() => parseTradeProof('{')).toThrow(refusal('input/shape'))
    expect(() => parseTradeProof(' '.repeat(mostProofCharacters + 1))).toThrow(
      refusal('input/too-large'),
    )
  })

  it('is made of a node’s file of a certified CTP', () => {
    const { receipt, evidence, meterReadySignature, ctp, consumerSignature } = proof
    const dossier = {
      ...{ number: 17, ctpId, consumer: addressOf(partyOf(1).privateKey), ctp, consumerSignature },
      ...{ state: 'settled', deliveredWh: wh(1000), paymentWei: wei(999_999n) },
      ...{ settlesFromSeconds: seconds(1), freeAtSeconds: seconds(2) },
      settlement: {
        transactionHash: full.settlement!.transactionHash,
        blockNumber: 7,
        gasShare: 1,
      },
      holdCertificate: { ctp, consumerSignature, ...proof.certificate },
      ...{ receipt, evidence, meterReadySignature },
    } as CtpDossier
    const { certifiedAtSeconds: _, ...expected } = full
    expect(tradeProofOf(market, dossier)).toEqual(expected)
    const { holdCertificate: __, ...uncertified } = dossier
    expect(() => tradeProofOf(market, uncertified)).toThrow(refusal('proof/not-certified'))
  })
})

/** The checks that did not pass, each with its verdict or code. */
function findingsOf(changed: TradeProof): Partial<Record<CheckName, string>> {
  const { checks } = checkTradeProof(changed)
  const open = checks.filter(({ verdict }) => verdict !== 'passed')
  return Object.fromEntries(open.map(({ check, verdict, code }) => [check, code ?? verdict]))
}

const elsewhere = makeTradeProof({ ...market, chainId: 1 }).proof
const second = makeTradeProof(market, { ctp: { nonce: 1 } })
const { votes } = proof.certificate
const withVotes = (changed: TradeProof['certificate']['votes'], epoch = 1): TradeProof => ({
  ...proof,
  certificate: { epoch, votes: changed },
})
const evidence = proof.evidence!
const stranger = partyOf(50)

describe('the signatures of a proof', () => {
  it('tell who bought, who vouches, what came and what it earns', () => {
    expect(findingsOf(proof)).toEqual({})
    const { facts } = checkTradeProof(makeTradeProof(market, { deliveredWh: 333 }).proof)
    expect(facts).toMatchObject({
      consumer: partyOf(1).address,
      voucher: { manufacturer: partyOf(6).address },
      deliveredWh: 333,
      // floor(999,999 × 333 / 1000)
      paymentWei: 332_999n,
    })
    expect(checkTradeProof(proof).facts).toMatchObject({ ctpId, paymentWei: 999_999n })
  })

  it.each<[string, TradeProof, Partial<Record<CheckName, string>>]>([
    [
      'a malformed consumer’s signature',
      { ...proof, consumerSignature: `0x${'ff'.repeat(64)}` },
      {
        ...{ consumer: 'signature/invalid', votes: 'unchecked', meterReady: 'unchecked' },
        ...{ meterEvidence: 'unchecked', receipt: 'unchecked' },
      },
    ],
    [
      'a CTP with himself',
      makeTradeProof(market, { ctp: { producer: partyOf(1).address } }).proof,
      {
        ...{ consumer: 'ctp/self-trade', votes: 'unchecked', meterReady: 'unchecked' },
        ...{ meterEvidence: 'unchecked', receipt: 'unchecked' },
      },
    ],
    [
      'a higher price than was signed',
      { ...proof, ctp: { ...proof.ctp, amountWei: wei(2_000_000n) } },
      // Some other consumer and id come out, of which nothing else is.
      { meterReady: 'meter/not-ready', receipt: 'erc/unknown-ctp' },
    ],
    [
      'a receipt of another CTP',
      { ...proof, receipt: second.proof.receipt! },
      {
        receipt: 'erc/unknown-ctp',
      },
    ],
    [
      'a receipt by another key',
      { ...proof, receipt: makeErc(market, ctpId, 1000, meterKeys[1]) },
      {
        receipt: 'erc/wrong-key',
      },
    ],
    [
      'a receipt for another market',
      { ...proof, receipt: makeErc(elsewhere.market, ctpId, 9) },
      {
        receipt: 'erc/wrong-key',
      },
    ],
    [
      'a receipt of nothing',
      { ...proof, receipt: makeErc(market, ctpId, 0) },
      {
        receipt: 'erc/zero',
      },
    ],
    [
      'a receipt whose energy was raised',
      {
        ...proof,
        receipt: { ...proof.receipt!, erc: { ...proof.receipt!.erc, deliveredWh: wh(2) } },
      },
      { receipt: 'erc/wrong-key' },
    ],
    [
      'no receipt',
      makeTradeProof(market, { deliveredWh: undefined }).proof,
      {
        receipt: 'unchecked',
      },
    ],
    [
      'MeterReady of another CTP',
      {
        ...proof,
        meterReadySignature: second.proof.meterReadySignature!,
      },
      { meterReady: 'meter/not-ready' },
    ],
    [
      'swapped signatures',
      { ...proof, meterReadySignature: proof.consumerSignature },
      {
        meterReady: 'meter/not-ready',
      },
    ],
    ['no vote', withVotes([]), { votes: 'certificate/too-few-votes' }],
    [
      'votes out of order',
      withVotes([votes[1]!, votes[0]!]),
      {
        votes: 'certificate/vote-order',
      },
    ],
    [
      'one vote twice',
      withVotes([votes[0]!, { ...votes[0]!, member: 1 }]),
      {
        votes: 'signature/invalid',
      },
    ],
    [
      'a malformed vote',
      withVotes([{ ...votes[0]!, signature: `0x${'ff'.repeat(64)}` }]),
      {
        votes: 'signature/invalid',
      },
    ],
    [
      'a path out of its tree',
      withVotes([{ ...votes[0]!, path: { ...votes[0]!.path, index: 2 } }]),
      { votes: 'merkle/invalid-path' },
    ],
    [
      'evidence of another tree',
      { ...proof, evidence: { ...evidence, coe: { ...evidence.coe, root: ctpId } } },
      { meterEvidence: 'merkle/invalid-path' },
    ],
    [
      'a CoE that ended before the CTP',
      {
        ...proof,
        evidence: { ...evidence, coe: { ...evidence.coe, notAfterSeconds: seconds(5) } },
      },
      // The changed time breaks the signature first.
      { meterEvidence: 'meter/coe-invalid' },
    ],
    [
      'a CoE by a stranger',
      {
        ...proof,
        evidence: {
          ...evidence,
          coeSignature: signMessage(market, 'CoE', evidence.coe, stranger.privateKey),
        },
      },
      { meterEvidence: 'meter/coe-invalid' },
    ],
    [
      'evidence for another market',
      { ...proof, evidence: elsewhere.evidence! },
      {
        meterEvidence: 'meter/coe-invalid',
      },
    ],
  ])('show %s', (_, changed, expected) => {
    expect(findingsOf(changed)).toEqual(expected)
  })

  it('are all of one market: nothing of another chain passes but its own', () => {
    expect(findingsOf({ ...elsewhere, market })).toMatchObject({
      ...{ meterReady: 'meter/not-ready', meterEvidence: 'meter/coe-invalid' },
      receipt: 'erc/unknown-ctp',
    })
    expect(findingsOf(elsewhere)).toEqual({})
  })

  it('of votes do not show members: strangers’ are for the chain to tell', () => {
    const voters = quorum.map(({ member }) => ({ member, party: partyOf(60 + member) }))
    expect(findingsOf(makeTradeProof(market, { voters }).proof)).toEqual({})
  })
})
