import fc from 'fast-check'
import { expect } from 'vitest'
import { type MeterMemory, openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { MeterReading } from '../ports/meterReading.ts'
import type { MeterSigner } from '../ports/meterSigner.ts'
import type { MeterStorage } from '../ports/meterStorage.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { keccak256 } from '../protocol/keccak.ts'
import { SpbError } from '../protocol/spbError.ts'
import { wh } from '../protocol/units.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  bytes32,
  consumer,
  later,
  makeCtp,
  makeMeter,
  market,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'
import type { ReadingOutcome } from './takeReading.ts'

/** Something that happens at a house, to its meter, or to the computer that the meter is on. */
export type HouseStep =
  | { kind: 'bind'; energyWh: number; lifeSeconds: number }
  | { kind: 'use'; passSeconds: number; watts: number }
  | { kind: 'again'; pick: number }
  | { kind: 'spike' | 'reset' | 'swap' }
  | { kind: 'receipt' | 'acknowledge' | 'release'; pick: number }

const pick = fc.nat(1000)

/** Steps of a house, mostly ordinary ones. */
export const houseStep: fc.Arbitrary<HouseStep> = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      kind: fc.constant('bind' as const),
      energyWh: fc.integer({ min: 1, max: 300 }),
      lifeSeconds: fc.integer({ min: 0, max: 3000 }),
    }),
  },
  {
    weight: 12,
    arbitrary: fc.record({
      kind: fc.constant('use' as const),
      passSeconds: fc.oneof(
        { weight: 9, arbitrary: fc.integer({ min: 1, max: 400 }) },
        fc.constant(5000),
      ),
      watts: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 5_000 })),
    }),
  },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('again' as const), pick }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constantFrom('spike', 'reset', 'swap') }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('receipt' as const), pick }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('acknowledge' as const), pick }) },
  fc.record({ kind: fc.constant('release' as const), pick }),
)

/** What a test knows of a CTP. */
export type KnownCtp = { ctpId: Bytes32; nonce: number; energyWh: number; expirySeconds: number }

/** The power went. */
export class PowerCut extends Error {}

const witness = witnessOf(makeMeter(2))

/**
 * A house with a meter: keeps what truly was used, every reading, all states that were saved, and
 * all that the meter's keys ever said.
 */
export class MeteredHouse {
  readonly memory: MeterMemory = {}
  readonly history: NonNullable<MeterMemory['saved']>[] = []
  readonly readings: MeterReading[] = []
  readonly ctps: KnownCtp[] = []
  /** Of which CTPs each one-time key spoke; and the receipts of each CTP, in order. */
  readonly spoken = new Map<string, Set<Bytes32>>()
  readonly receipts = new Map<Bytes32, number[]>()
  meter!: SoftwareMeter
  usedWh = 0
  delta = 0
  /** Cuts the power before or after saving; the number of savings until then. */
  cut: { isSaved: boolean; after: number } | undefined
  #importWh = 5000
  #meters = 0
  #spikes = 0
  #draws = 0

  async start(): Promise<void> {
    makeMeter(1, { treeHeight: 4 }, this.#storage()).close()
    this.open()
    await this.renew()
    this.#show(this.#importWh)
  }

  /** Starts the meter's program on what is saved. */
  open(): void {
    this.memory.isHeld = false
    const randomBytes = (length: number) => keccak256(Uint8Array.of(this.#draws++)).slice(0, length)
    const options = { signer: this.#signer(), nowSeconds: later(this.delta), randomBytes }
    this.meter = openSoftwareMeter(this.#storage(), options)
  }

  async renew(): Promise<void> {
    await this.meter.renew(market, witness, renewal())
  }

  /** True where a receipt is out that was not acknowledged. */
  get isWaiting(): boolean {
    return this.ctps.some(({ ctpId }) => {
      const binding = this.meter.bindingOf(ctpId)
      if (binding === undefined || binding.isReleased) return false
      return binding.signedWh > binding.acknowledgedWh
    })
  }

  async bind({ energyWh, lifeSeconds }: Extract<HouseStep, { kind: 'bind' }>): Promise<void> {
    const expirySeconds = later(this.delta + lifeSeconds)
    if (this.isWaiting) {
      const waits = expect.objectContaining({ code: 'meter/unacknowledged' })
      expect(() => this.meter.takeKey(expirySeconds)).toThrow(waits)
      for (const { ctpId } of this.ctps) this.acknowledge(ctpId)
    }
    if (this.meter.keysLeft(expirySeconds) === 0) await this.renew()
    const nonce = this.ctps.length
    const { meterKey } = this.meter.takeKey(expirySeconds)
    const ctp = makeCtp(meterKey, { nonce, energyWh: wh(energyWh), expirySeconds })
    this.meter.bind(ctp, consumer, market)
    const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
    this.ctps.push({ ctpId, nonce, energyWh, expirySeconds })
  }

  acknowledge(ctpId: Bytes32): void {
    const binding = this.meter.bindingOf(ctpId)
    if (binding !== undefined) this.meter.acknowledge(ctpId, binding.signedWh)
  }

  /** What the meter's register shows next; undefined for steps that show nothing. */
  nextReading(step: HouseStep): MeterReading | undefined {
    switch (step.kind) {
      case 'use': {
        const comesWh = Math.floor((step.watts * step.passSeconds) / 3600)
        this.delta += step.passSeconds
        this.usedWh += comesWh
        this.#importWh += comesWh
        return this.#show(this.#importWh)
      }
      case 'again':
        return this.readings[step.pick % this.readings.length]
      case 'spike':
        this.#spikes += 1
        this.delta += 1
        return this.#show(10 ** 12 - this.#spikes * 10 ** 9)
      case 'reset':
        this.#importWh = 0
        return undefined
      case 'swap':
        this.#meters += 1
        this.#importWh = 700
        return undefined
      default:
        return undefined
    }
  }

  record(reading: MeterReading): ReadingOutcome {
    return this.meter.recordReading(reading)
  }

  pickCtp(at: number): KnownCtp | undefined {
    const known = this.ctps.filter(({ ctpId }) => this.meter.bindingOf(ctpId) !== undefined)
    return known.length === 0 ? undefined : known[at % known.length]
  }

  receipt({ ctpId, energyWh }: KnownCtp): void {
    const signed = this.meter.receiptOf(ctpId)
    if (signed !== undefined) expect(signed.erc.deliveredWh).toBeLessThanOrEqual(energyWh)
  }

  deliveredOf({ ctpId }: KnownCtp): number {
    return this.meter.bindingOf(ctpId)?.deliveredWh ?? 0
  }

  /** The highest receipts of all CTPs together. */
  get receiptedWh(): number {
    return [...this.receipts.values()].reduce((sum, all) => sum + Math.max(...all), 0)
  }

  #show(importWh: number): MeterReading {
    const serial = `meter ${this.#meters}`
    const reading = { timeSeconds: later(this.delta), importWh, serial }
    this.readings.push(reading)
    return reading
  }

  #storage(): MeterStorage {
    const storage = openMeterMemory(this.memory)
    return {
      ...storage,
      save: (state) => {
        const isNow = this.cut !== undefined && this.cut.after-- <= 0
        if (isNow && !this.cut!.isSaved) throw new PowerCut()
        storage.save(state)
        this.history.push(this.memory.saved!)
        if (isNow) throw new PowerCut()
      },
    }
  }

  #signer(): MeterSigner {
    const signer = createSeedSigner(bytes32(1))
    return {
      ...signer,
      signAsLeaf: (key, statement) => {
        const place = `${key.tree}/${key.leaf}`
        const { ctpId } = statement.message
        this.spoken.set(place, (this.spoken.get(place) ?? new Set()).add(ctpId))
        if (statement.name === 'Erc') {
          const all = this.receipts.get(ctpId) ?? []
          this.receipts.set(ctpId, [...all, statement.message.deliveredWh])
        }
        return signer.signAsLeaf(key, statement)
      },
    }
  }
}

/** Runs work, and starts the meter anew where the power went meanwhile; true if it did. */
export function surviveCut(house: MeteredHouse, work: () => void): boolean {
  try {
    work()
    return false
  } catch (error) {
    if (!(error instanceof PowerCut) || error instanceof SpbError) throw error
    house.cut = undefined
    house.open()
    return true
  }
}
