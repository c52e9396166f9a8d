import { describe, expect, it } from 'vitest'
import type { Address } from '../protocol/bytes.ts'
import { addressOf } from '../protocol/signature.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { createLocalWitness } from './localWitness.ts'
import {
  bytes32,
  consumer,
  day,
  later,
  makeCtp,
  makeMeter,
  makeReadyMeter,
  market,
  now,
  renewal,
  standing,
  witnessOf,
} from './neighbourhood.cases.ts'
import { usualLongestLifeSeconds } from './renewalNeed.ts'

describe('a renewal', () => {
  it('is needed before the first tree, and not after it', async () => {
    expect(makeMeter(1).needsRenewal(now)).toBe(true)
    expect((await makeReadyMeter()).needsRenewal(now)).toBe(false)
  })

  it('is needed when fewer than a quarter of the keys are left', async () => {
    const meter = await makeReadyMeter()
    for (let left = 7; left >= 2; left--) {
      meter.takeKey(later(60))
      expect([left, meter.needsRenewal(now)]).toEqual([left, false])
    }
    meter.takeKey(later(60))
    expect(meter.needsRenewal(now)).toBe(true)
  })

  it('is needed by the keys of the account that bought last: other trees are not its', async () => {
    const meter = await makeReadyMeter()
    const buy = (account: Address, nonce: number) => {
      const { meterKey } = meter.takeKey(later(60), account)
      meter.bind(makeCtp(meterKey, { nonce }), account, market)
    }
    const other = addressOf(bytes32(0xc1))
    buy(consumer, 0)
    await meter.renew(market, witnessOf(makeMeter(3)), renewal())
    for (let nonce = 0; nonce < 6; nonce++) buy(other, nonce)
    expect([meter.keysLeft(later(60)), meter.needsRenewal(now)]).toEqual([9, false])
    buy(other, 6)
    expect([meter.keysLeft(later(60)), meter.needsRenewal(now)]).toEqual([8, true])
    buy(consumer, 1)
    expect(meter.needsRenewal(now)).toBe(false)
  })

  it('is needed in the last third of a CoE', async () => {
    const meter = await makeReadyMeter()
    const { notBeforeSeconds, notAfterSeconds } = meter.state.trees[0]!.coe.coe
    const third = Math.floor((notAfterSeconds - notBeforeSeconds) / 3)
    expect(meter.needsRenewal(seconds(notAfterSeconds - third))).toBe(false)
    expect(meter.needsRenewal(seconds(notAfterSeconds - third + 1))).toBe(true)
  })

  it('is needed when the keys no longer cover the longest life', async () => {
    const meter = await makeReadyMeter()
    const { notAfterSeconds } = meter.state.trees[0]!.coe.coe
    const ahead = (longestLifeSeconds: number) =>
      meter.needsRenewal(seconds(notAfterSeconds - 3 * day), longestLifeSeconds)
    expect(ahead(usualLongestLifeSeconds)).toBe(false)
    expect(ahead(3 * day)).toBe(false)
    expect(ahead(3 * day + 1)).toBe(true)
  })

  it.each([60, 3600, day, 2 * day, 7 * day])(
    'is over after it, for CoEs of %i s, until a while later',
    async (lifetimeSeconds) => {
      const meter = makeMeter(1)
      let clock: Seconds = now
      const witness = createLocalWitness(makeMeter(2), { standing, nowSeconds: () => clock })
      for (let round = 0; round < 5; round++) {
        const options = { nowSeconds: clock, lifetimeSeconds: seconds(lifetimeSeconds) }
        await meter.renew(market, witness, renewal(options))
        expect(meter.needsRenewal(clock)).toBe(false)
        let passed = 0
        while (!meter.needsRenewal(seconds(clock + passed))) passed += 10
        expect(passed).toBeGreaterThanOrEqual(lifetimeSeconds / 5)
        expect(passed).toBeLessThan(lifetimeSeconds)
        clock = seconds(clock + passed)
      }
    },
  )

  it('would better nothing where the meter’s certificate ends', async () => {
    const meter = await makeReadyMeter({ notAfterSeconds: later(3 * day) })
    for (const delta of [0, day, 2 * day, 2.5 * day]) {
      expect([delta, meter.needsRenewal(later(delta))]).toEqual([delta, false])
    }
    for (let taken = 0; taken < 7; taken++) meter.takeKey(later(60))
    expect(meter.needsRenewal(later(day))).toBe(true)
    expect(meter.needsRenewal(later(3 * day + 1))).toBe(false)
  })
})
