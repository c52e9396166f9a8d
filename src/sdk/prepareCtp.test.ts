import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../api/apiServer.ts'
import {
  consumer,
  consumerKey,
  createFakeNode,
  type FakeNode,
  fakeEvidence,
  fakeKey,
  fakeMarket,
  fakeMeterKey,
  fakeNowSeconds,
  producer,
} from '../api/fakeNode.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { addressOf, recoverMessage } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { signAccept, signMeterReady } from './householdSignatures.ts'
import { createNodeClient } from './nodeClient.ts'
import { createMemoryJournal, type NonceJournal } from './nonceJournal.ts'
import { type CtpOrder, type Household, placeCtp, prepareCtp } from './prepareCtp.ts'

let server: ApiServer
let node: FakeNode
let journal: NonceJournal
let takenKeys: number
let household: Household

beforeEach(async () => {
  node = createFakeNode()
  server = createApiServer({ node, port: 0 })
  await server.listen()
  journal = createMemoryJournal()
  takenKeys = 0
  household = {
    client: createNodeClient({ url: server.url, retryDelaysMs: [] }),
    privateKey: consumerKey,
    journal,
    meter: {
      takeKey(_expirySeconds, account) {
        takenKeys++
        expect(account).toBe(consumer)
        return { meterKey: addressOf(fakeMeterKey) }
      },
      bind(ctp, account, market) {
        const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), account)
        const meterReadySignature = signMeterReady(market, ctpId, fakeMeterKey)
        return { meterReadySignature, evidence: fakeEvidence }
      },
    },
  }
})

afterEach(() => server.close())

const order: CtpOrder = {
  producer,
  energyWh: wh(1500),
  expirySeconds: seconds(fakeNowSeconds + 900),
}

function setTime(timeSeconds: number): void {
  node.current = {
    ...node.current,
    confirmed: { number: 10, timeSeconds: seconds(timeSeconds) },
  }
}

describe('prepareCtp', () => {
  it('signs the offer’s price at the next nonce, with a key of the meter', async () => {
    const { submission, ctpId, isRepeat } = await prepareCtp(household, order)
    const { ctp, consumerSignature } = submission
    expect(ctp).toEqual({
      producer,
      offerId: 7n,
      amountWei: 150n,
      energyWh: 1500,
      nonce: 0,
      expirySeconds: order.expirySeconds,
      meterKey: addressOf(fakeMeterKey),
    })
    expect(submission.market).toEqual(fakeMarket)
    expect(recoverMessage(fakeMarket, 'Ctp', ctp, consumerSignature)).toBe(consumer)
    const ready = submission.meterReadySignature
    expect(recoverMessage(fakeMarket, 'MeterReady', { ctpId }, ready)).toBe(ctp.meterKey)
    expect(isRepeat).toBe(false)
    expect(await journal.load(fakeMarket, consumer, 0)).toEqual(submission)
    expect(node.submissions).toEqual([])
  })

  const refusals: [what: string, change: Partial<CtpOrder>, code: string][] = [
    ['oneself as producer', { producer: consumer }, 'ctp/self-trade'],
    ['another price', { amountWei: wei(151n) }, 'offer/wrong-price'],
    ['an offer that is none', { offerId: 8n }, 'offer/unknown'],
    ['more energy than is left', { energyWh: wh(9000) }, 'offer/sold-out'],
    [
      'an expiry in the past',
      { expirySeconds: seconds(fakeNowSeconds - 9) },
      'ctp/expiry-too-near',
    ],
    ['a far expiry', { expirySeconds: seconds(fakeNowSeconds + 99_999) }, 'ctp/expiry-too-far'],
    ['too small an amount', { energyWh: wh(1) }, 'ctp/amount-too-small'],
  ]
  it.each(refusals)('refuses %s before anything is signed', async (_what, change, code) => {
    await expect(prepareCtp(household, { ...order, ...change })).rejects.toMatchObject({ code })
    expect(await journal.load(fakeMarket, consumer, 0)).toBeUndefined()
    expect(takenKeys).toBe(0)
  })

  it('refuses an empty account, a node that does not vote, and another market', async () => {
    node.account = (account) => ({ ...createFakeNode().account(account), freeWei: wei(149n) })
    await expect(prepareCtp(household, order)).rejects.toMatchObject({
      code: 'ctp/insufficient-balance',
      meta: { freeWei: '149', amountWei: '150' },
    })
    node.current = { ...node.current, isVoting: false, reason: 'chain/stalled' }
    await expect(prepareCtp(household, order)).rejects.toMatchObject({
      code: 'node/not-voting',
      meta: { reason: 'chain/stalled' },
    })
    const market = { ...fakeMarket, chainId: 1 }
    await expect(prepareCtp({ ...household, market }, order)).rejects.toMatchObject({
      code: 'ctp/wrong-market',
    })
    expect(takenKeys).toBe(0)
  })

  it('has negotiated terms accepted by the producer before it signs', async () => {
    const terms = { ...order, offerId: 0n, amountWei: wei(99n) }
    const askAccept: Household['askAccept'] = async (ctp, ctpId) => {
      expect(ctp).toMatchObject({ offerId: 0n, amountWei: 99n, producer })
      expect(await journal.load(fakeMarket, consumer, 0)).toBeUndefined()
      return signAccept(fakeMarket, ctpId, fakeKey(2))
    }
    const { submission, ctpId } = await prepareCtp({ ...household, askAccept }, terms)
    const accept = submission.acceptSignature ?? '0x'
    expect(recoverMessage(fakeMarket, 'Accept', { ctpId }, accept)).toBe(producer)
  })

  it('signs nothing on a stranger’s Accept', async () => {
    const terms = { ...order, offerId: 0n, amountWei: wei(99n) }
    const askAccept: Household['askAccept'] = async (_ctp, ctpId) =>
      signAccept(fakeMarket, ctpId, fakeKey(9))
    await expect(prepareCtp({ ...household, askAccept }, terms)).rejects.toMatchObject({
      code: 'offer/not-accepted',
    })
    expect(await journal.load(fakeMarket, consumer, 0)).toBeUndefined()
  })

  it('lets no signature out that the journal did not keep', async () => {
    const failing: NonceJournal = {
      load: () => undefined,
      save() {
        throw new SpbError('store/failed')
      },
    }
    await expect(prepareCtp({ ...household, journal: failing }, order)).rejects.toMatchObject({
      code: 'store/failed',
    })
  })

  it('lets one of two that sign at once fail', async () => {
    const both = await Promise.allSettled([
      prepareCtp(household, order),
      prepareCtp(household, { ...order, energyWh: wh(1600) }),
    ])
    const failed = both.filter((each) => each.status === 'rejected')
    expect(failed).toMatchObject([{ reason: { code: 'ctp/nonce-reused' } }])
  })
})

describe('after a crash', () => {
  it('sends the same order again instead of signing another', async () => {
    const before = await prepareCtp(household, order)
    const later = { ...order, expirySeconds: seconds(order.expirySeconds + 60) }
    const after = await prepareCtp(household, later)
    expect(after).toEqual({ ...before, isRepeat: true })
    const placed = await placeCtp(household, later)
    expect(placed).toMatchObject({ isRepeat: true, view: { ctpId: before.ctpId, state: 'held' } })
    expect(takenKeys).toBe(1)
    // The order is done: the same one again is a new trade.
    const next = await placeCtp(household, order)
    expect(next).toMatchObject({ isRepeat: false, view: { ctp: { nonce: 1 } } })
  })

  it('sends an earlier order first, then signs the new one', async () => {
    const earlier = await prepareCtp(household, order)
    const { view, isRepeat } = await placeCtp(household, { ...order, energyWh: wh(2000) })
    expect(isRepeat).toBe(false)
    expect(view.ctp).toMatchObject({ nonce: 1, energyWh: 2000, amountWei: 200n })
    expect(node.submissions.map(({ ctp }) => ctp.nonce)).toEqual([0, 1])
    expect(node.submissions[0]).toEqual(earlier.submission)
  })

  it('says from when on an earlier order that is refused can be closed', async () => {
    await prepareCtp(household, order)
    node.submitCtp = async () => {
      throw new SpbError('offer/sold-out')
    }
    await expect(prepareCtp(household, { ...order, energyWh: wh(2000) })).rejects.toMatchObject({
      code: 'offer/sold-out',
      message: expect.stringContaining('An earlier CTP, of nonce 0'),
      meta: { nonce: 0, closableAtSeconds: order.expirySeconds + 600 },
    })
    expect(await journal.load(fakeMarket, consumer, 1)).toBeUndefined()
  })

  it('closes the nonce of one that can never be live, and goes on', async () => {
    await prepareCtp(household, order)
    setTime(order.expirySeconds + 601)
    const late = { ...order, expirySeconds: seconds(order.expirySeconds + 2000) }
    const { view } = await placeCtp(household, late)
    expect(node.voided).toEqual(new Set([`${consumer} 0`]))
    expect(view.ctp.nonce).toBe(1)
    expect(node.submissions.map(({ ctp }) => ctp.nonce)).toEqual([1])
  })

  it('does not turn round for ever with a node that does not go on', async () => {
    await prepareCtp(household, order)
    const view = await createFakeNode().submitCtp(await kept())
    node.submitCtp = async () => view
    await expect(prepareCtp(household, { ...order, energyWh: wh(2000) })).rejects.toMatchObject({
      code: 'ctp/nonce-skipped',
      meta: { nonce: 0 },
    })
  })

  it('does not take a node’s word for another CTP', async () => {
    const other = await createFakeNode().submitCtp(
      (await prepareCtp(household, { ...order, energyWh: wh(2000) })).submission,
    )
    node.submitCtp = async () => ({ ...other, ctpId: `0x${'cc'.repeat(32)}` })
    await expect(placeCtp(household, { ...order, energyWh: wh(2000) })).rejects.toMatchObject({
      code: 'node/bad-answer',
    })
  })
})

async function kept() {
  const submission = await journal.load(fakeMarket, consumer, 0)
  if (submission === undefined) throw new Error('nothing is kept')
  return submission
}
