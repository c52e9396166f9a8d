import { describe, expect, it } from 'vitest'
import { seconds, wei, wh } from '../../protocol/units.ts'
import type { CtpState, CtpView, MarketOptions } from '../../protocol/views.ts'
import { createPalette } from '../palette.ts'
import { explainTrade, listTradeFacts, paintState } from './describeTrade.ts'

const address = (fill: string) => `0x${fill.repeat(20)}` as const
const bytes32 = `0x${'07'.repeat(32)}` as const
const expirySeconds = seconds(1_000_000)
const nowMs = expirySeconds * 1000
const options = { graceSeconds: seconds(60) } as MarketOptions

const viewOf = (state: CtpState, deliveredWh = 0, paymentWei = 0n): CtpView => ({
  ...{ number: 3, ctpId: bytes32, consumer: address('a1'), state, deliveredWh: wh(deliveredWh) },
  ctp: {
    ...{ producer: address('b0'), offerId: 1n, amountWei: wei(10n ** 15n), energyWh: wh(1500) },
    ...{ nonce: 0, expirySeconds, meterKey: address('3e') },
  },
  consumerSignature: `0x${'5e'.repeat(64)}`,
  paymentWei: wei(paymentWei),
  settlesFromSeconds: seconds(expirySeconds + 30),
  freeAtSeconds: seconds(expirySeconds + 60),
})

describe('why a trade is as it is', () => {
  it.each<[string, CtpView, string]>([
    ['proposed', viewOf('proposed'), 'do not deliver'],
    ['held', viewOf('held'), 'When energy came: spb erc 3 ENERGY'],
    ['in part', viewOf('receipted', 600, 4n * 10n ** 14n), 'settles for 0.0004 ether at'],
    ['in full', viewOf('receipted', 1500, 10n ** 15n), 'settles with the node’s next batch'],
    ['settled', viewOf('settled', 600, 4n * 10n ** 14n), '0.0006 ether of the hold are free'],
    ['expired', viewOf('expired'), 'No receipt came'],
    ['expired late', viewOf('expired', 600), 'no settlement of it was in a block'],
    ['declined', viewOf('declined'), 'The producer declined it'],
  ])('is told: %s', (_, view, expected) => {
    expect(explainTrade(view, options, nowMs).join(' ')).toContain(expected)
  })

  it('is red where nobody was paid', () => {
    const stream = { isTTY: true } as unknown as NodeJS.WriteStream
    const palette = createPalette(stream, {})
    expect(paintState('expired', palette)).toBe(palette.red('expired'))
    expect(paintState('declined', palette)).toBe(palette.red('declined'))
    expect(paintState('settled', palette)).toBe(palette.green('settled'))
  })
})

describe('facts of a trade', () => {
  it('name those whom the folder knows', () => {
    const nameOf = (of: string) => (of === address('a1') ? 'alice' : of)
    const settlement = { blockNumber: 9, transactionHash: bytes32, gasShare: 1 }
    const view = { ...viewOf('settled'), settlement, certificate: { epoch: 1, members: [0, 2] } }
    const facts = Object.fromEntries(listTradeFacts(view, nameOf, nowMs))
    expect(facts).toMatchObject({
      ...{ consumer: 'alice', producer: address('b0'), certified: 'by members 0, 2' },
      ...{ committed: '0.001 ether for 1.5 kWh', settled: `transaction ${bytes32}` },
    })
  })
})
