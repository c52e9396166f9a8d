import fc from 'fast-check'
import { expect, test } from 'vitest'
import { type MeterMemory, openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { type SignedErc, verifyErc } from '../protocol/signedErc.ts'
import { wh } from '../protocol/units.ts'
import {
  consumer,
  later,
  makeCtp,
  makeMeter,
  makeReadyMeter,
  market,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'

const witness = witnessOf(makeMeter(2))

type Step =
  | { kind: 'take' }
  | { kind: 'bind'; pick: number; energyWh: number; lifeSeconds: number }
  | { kind: 'import'; importWh: number; passSeconds: number }
  | { kind: 'release'; pick: number }
  | { kind: 'restart' }
  | { kind: 'renew' }

const pick = fc.nat(1000)
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('take' as const) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      pick,
      energyWh: fc.integer({ min: 1, max: 100 }),
      lifeSeconds: fc.integer({ min: 0, max: 50 }),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('import' as const),
      importWh: fc.integer({ min: 0, max: 150 }),
      passSeconds: fc.integer({ min: 0, max: 30 }),
    }),
  },
  fc.record({ kind: fc.constant('release' as const), pick }),
  fc.record({ kind: fc.constant('restart' as const) }),
  fc.record({ kind: fc.constant('renew' as const) }),
)

type Bound = { key: Address; energyWh: number; deliveredWh: number }

/** Plays steps on a real meter, and counts beside it. */
class Play {
  readonly memory: MeterMemory = {}
  meter!: SoftwareMeter
  delta = 0
  importedWh = 0
  waiting: Address[] = []
  readonly given = new Set<Address>()
  readonly bound = new Map<Bytes32, Bound>()

  async start(): Promise<void> {
    this.meter = await makeReadyMeter({ treeHeight: 4 }, openMeterMemory(this.memory))
  }

  async run(each: Step): Promise<void> {
    switch (each.kind) {
      case 'take':
        this.take()
        break
      case 'bind':
        this.bind(each)
        break
      case 'import':
        this.import(each)
        break
      case 'release': {
        const ids = [...this.bound.keys()]
        if (ids.length > 0) this.meter.release(ids[each.pick % ids.length]!)
        break
      }
      case 'restart':
        this.meter.close()
        this.meter = openSoftwareMeter(openMeterMemory(this.memory))
        this.waiting = []
        break
      case 'renew':
        await this.meter.renew(market, witness, renewal())
    }
  }

  take(): void {
    if (this.meter.keysLeft(later(this.delta)) === 0) return
    const { meterKey } = this.meter.takeKey(later(this.delta))
    expect(this.given.has(meterKey)).toBe(false)
    this.given.add(meterKey)
    this.waiting.push(meterKey)
  }

  bind({ pick: at, energyWh, lifeSeconds }: Extract<Step, { kind: 'bind' }>): void {
    this.take()
    if (this.waiting.length === 0) return
    const [key] = this.waiting.splice(at % this.waiting.length, 1)
    const expirySeconds = later(this.delta + lifeSeconds)
    const ctp = makeCtp(key!, { energyWh: wh(energyWh), expirySeconds })
    this.meter.bind(ctp, consumer, market)
    const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
    this.bound.set(ctpId, { key: key!, energyWh, deliveredWh: 0 })
  }

  import({ importWh, passSeconds }: Extract<Step, { kind: 'import' }>): void {
    this.delta += passSeconds
    this.importedWh += importWh
    this.receive(this.meter.recordImport(wh(importWh), later(this.delta)), importWh)
  }

  /** Receipts of one reading grow, are signed by their keys, and add up to no more than it. */
  receive(receipts: readonly SignedErc[], importWh: number): void {
    let receiptedWh = 0
    for (const signed of receipts) {
      const bound = this.bound.get(signed.erc.ctpId)!
      verifyErc(market, signed, bound.key)
      expect(signed.erc.deliveredWh).toBeGreaterThan(bound.deliveredWh)
      expect(signed.erc.deliveredWh).toBeLessThanOrEqual(bound.energyWh)
      receiptedWh += signed.erc.deliveredWh - bound.deliveredWh
      bound.deliveredWh = signed.erc.deliveredWh
    }
    expect(receiptedWh).toBeLessThanOrEqual(importWh)
  }
}

test('P6: no key serves two CTPs, and no Wh two receipts, whatever happens', async () => {
  let receiptedWh = 0
  const steps = fc.array(step, { minLength: 5, maxLength: 40, size: 'max' })
  const property = fc.asyncProperty(steps, async (played) => {
    const play = new Play()
    await play.start()
    for (const each of played) await play.run(each)
    const all = [...play.bound.values()]
    const sum = all.reduce((total, { deliveredWh }) => total + deliveredWh, 0)
    expect(sum).toBeLessThanOrEqual(play.importedWh)
    expect(new Set(all.map(({ key }) => key)).size).toBe(all.length)
    for (const [ctpId, { deliveredWh }] of play.bound) {
      expect(play.meter.bindingOf(ctpId)?.deliveredWh).toBe(deliveredWh)
    }
    receiptedWh += sum
  })
  await fc.assert(property, { seed: 1, numRuns: 100 })
  // The steps do lead to receipts.
  expect(receiptedWh).toBeGreaterThan(10_000)
})

test('readings of one moment receipt the same, however split and ordered', async () => {
  const readings = fc.array(fc.integer({ min: 0, max: 300 }), { minLength: 1, maxLength: 6 })
  const energies = fc.array(fc.integer({ min: 1, max: 200 }), { minLength: 1, maxLength: 5 })
  const property = fc.asyncProperty(
    fc.tuple(readings, energies).chain(([parts, wanted]) =>
      fc.record({
        parts: fc.constant(parts),
        shuffled: fc.shuffledSubarray(parts, { minLength: parts.length }),
        wanted: fc.constant(wanted),
      }),
    ),
    async ({ parts, shuffled, wanted }) => {
      const whole = [parts.reduce((total, part) => total + part, 0)]
      const ends = []
      for (const split of [parts, shuffled, whole]) {
        const meter = await makeReadyMeter()
        for (const [nonce, energyWh] of wanted.entries()) {
          const { meterKey } = meter.takeKey(later(60))
          meter.bind(makeCtp(meterKey, { nonce, energyWh: wh(energyWh) }), consumer, market)
        }
        for (const part of split) meter.recordImport(wh(part), later(1))
        const { bindings } = meter.state.trees[0]!
        ends.push(bindings.map(({ ctpId }) => meter.receiptOf(ctpId)))
      }
      expect(ends[1]).toEqual(ends[0])
      expect(ends[2]).toEqual(ends[0])
    },
  )
  await fc.assert(property, { seed: 1, numRuns: 40 })
})
