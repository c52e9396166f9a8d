import { describe, expect, it } from 'vitest'
import { adviseProducer, progressOf, proofWindowOf, type TradeFacts } from './adviseProducer.ts'

const passed = { verdict: 'passed', detail: '' } as const
/** 1000 Wh from time 1000 to 2000, with 100 s of grace. */
const facts: TradeFacts = {
  label: '17',
  state: 'held',
  isNonceUsed: false,
  isChainStalled: false,
  energyWh: 1000,
  expirySeconds: 2000,
  graceSeconds: 100,
  certifiedAtSeconds: 1000,
  certificate: passed,
  meter: passed,
  receiptedWh: 0,
  receiptedAtSeconds: undefined,
  nodeReceiptedWh: 0,
  nowSeconds: 1100,
}
const receipted = (energyWh: number, change: Partial<TradeFacts> = {}): TradeFacts => ({
  ...facts,
  state: 'receipted',
  receiptedWh: energyWh,
  nodeReceiptedWh: energyWh,
  receiptedAtSeconds: 1500,
  nowSeconds: 1510,
  ...change,
})
const over = { isNonceUsed: true }
const unasked = { isNonceUsed: undefined }
const settle = 'settle by proof now: spb settle --proof 17'
const wrong = { verdict: 'failed', detail: 'the votes are of strangers' } as const
const unknown = { verdict: 'unchecked', detail: 'the chain does not answer' } as const

describe('advice to a producer', () => {
  it.each<[string, TradeFacts, string]>([
    ['certified, meter ready', facts, 'send'],
    ['proposed', { ...facts, state: 'proposed' }, 'wait: it is not certified yet, nothing is held'],
    ['votes of strangers', { ...facts, certificate: wrong }, 'stop: the votes are of strangers'],
    ['no chain', { ...facts, certificate: unknown }, 'wait: the chain does not answer'],
    ['a meter not ready', { ...facts, meter: wrong }, 'stop: the votes are of strangers'],
    ['no evidence', { ...facts, meter: unknown }, 'wait: the chain does not answer'],
    [
      'no receipt after a quarter',
      { ...facts, nowSeconds: 1251 },
      'wait: receipts lag by 251 Wh, none came yet',
    ],
    ['a lag of a quarter', { ...facts, nowSeconds: 1250 }, 'send'],
    [
      'receipts that ended',
      receipted(200, { nowSeconds: 1800 }),
      'wait: receipts lag by 600 Wh, the last one is 5 min old',
    ],
    ['receipts that keep up', receipted(500), 'send'],
    ['all receipted', receipted(1000), 'stop: all of it is receipted, the node settles it'],
    ['all receipted long ago', receipted(1000, { nowSeconds: 1550 }), settle],
    ['all receipted, node gone', receipted(1000, { state: undefined }), settle],
    ['all receipted, node knows less', receipted(1000, { nodeReceiptedWh: 900 }), settle],
    [
      'a part at its expiry',
      receipted(400, { nowSeconds: 2000 }),
      'stop: it is past its expiry, the node settles what is receipted after half of the grace',
    ],
    ['a part, node knows less', receipted(400, { nowSeconds: 2000, nodeReceiptedWh: 1 }), settle],
    ['a part after half of the grace', receipted(400, { nowSeconds: 2050 }), settle],
    ['a part, node gone, expired', receipted(400, { nowSeconds: 2001, state: undefined }), settle],
    [
      'a part, node gone, before expiry',
      receipted(400, { state: undefined }),
      'wait: no node that knows it answers, receipts cannot be followed',
    ],
    [
      'a part that is certified by strangers',
      receipted(400, { nowSeconds: 2060, certificate: wrong }),
      'stop: it is past its expiry, the node settles what is receipted after half of the grace',
    ],
    [
      'nothing by the expiry',
      { ...facts, nowSeconds: 2000 },
      'stop: it is past its expiry, and nothing is receipted',
    ],
    [
      'past its grace',
      receipted(400, { nowSeconds: 2101 }),
      'stop: it is past expiry and grace: its money is free again',
    ],
    ['settled', receipted(1000, { ...over, state: 'settled' }), 'done: it is settled'],
    ['declined', { ...facts, ...over, state: 'declined' }, 'stop: it is declined'],
    ['expired', { ...facts, ...unasked, state: 'expired' }, 'stop: its money is free again'],
    [
      'settled, as the node says alone',
      receipted(1000, { ...unasked, state: 'settled' }),
      'done: it is settled',
    ],
    [
      'settled at the node, not on chain',
      receipted(400, { state: 'settled' }),
      'wait: the node calls it settled, and the chain does not',
    ],
    [
      'settled at the node, not on chain, half of the grace later',
      receipted(400, { state: 'settled', nowSeconds: 2050 }),
      settle,
    ],
    [
      'all receipted, declined at the node, not on chain, long ago',
      receipted(1000, { state: 'declined', nowSeconds: 1550 }),
      settle,
    ],
    [
      'settled while the node is gone',
      receipted(1000, { state: undefined, isNonceUsed: true }),
      'done: its nonce is used, see your balance',
    ],
    [
      'a chain that stands still',
      receipted(500, { isChainStalled: true }),
      'wait: the chain stands still, no time passes on it',
    ],
    [
      'neither node nor chain',
      { ...facts, graceSeconds: undefined },
      'wait: the chain does not answer',
    ],
  ])('%s', (_, given, text) => {
    expect(adviseProducer(given).text).toBe(text)
  })
})

describe('what a producer reckons with', () => {
  it('expects energy evenly from certificate to expiry', () => {
    expect(progressOf({ ...facts, nowSeconds: 1500 })).toEqual({ expectedWh: 500, lagWh: 500 })
    expect(progressOf(receipted(400))).toEqual({ expectedWh: 510, lagWh: 110 })
    expect(progressOf(receipted(900))).toEqual({ expectedWh: 510, lagWh: 0 })
    expect(progressOf({ ...facts, nowSeconds: 9000 })).toMatchObject({ expectedWh: 1000 })
    expect(progressOf({ ...facts, certifiedAtSeconds: undefined })).toMatchObject({ lagWh: 0 })
  })

  it('knows when the proof path is open: all at once, a part from expiry on', () => {
    expect(proofWindowOf(facts)).toBeUndefined()
    const window = { untilSeconds: 2100, isUrgent: false }
    expect(proofWindowOf(receipted(1000))).toEqual({ ...window, fromSeconds: 0 })
    expect(proofWindowOf(receipted(400))).toEqual({ ...window, fromSeconds: 2000 })
    expect(proofWindowOf(receipted(400, { nowSeconds: 2101 }))).toBeUndefined()
    expect(proofWindowOf(receipted(400, { isNonceUsed: true }))).toBeUndefined()
    expect(proofWindowOf(receipted(400, { certificate: wrong }))).toBeUndefined()
  })
})
