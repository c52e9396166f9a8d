import { describe, expect, it } from 'vitest'
import type { MeterState, MeterStorage } from '../../ports/meterStorage.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'

/** One meter's place: opened for the first time, and again by later holders. */
export type MeterStorageHarness = { create(): MeterStorage; reopen(): MeterStorage }

const address = (byte: string) => `0x${byte.repeat(20)}` as const
const hash = (byte: string) => `0x${byte.repeat(32)}` as const
const signature = (byte: string) => `0x${byte.repeat(64)}` as const

/** A state that uses every field. */
export const someState: MeterState = {
  name: 'Müller’s "meter"',
  seed: Uint8Array.from({ length: 32 }, (_, index) => 255 - index),
  certificate: { meter: address('11'), model: hash('22'), notAfterSeconds: seconds(2 ** 40 - 1) },
  manufacturerSignature: signature('33'),
  treeHeight: 8,
  nextTree: 5,
  nextOrder: 3,
  trees: [
    {
      number: 4,
      height: 2,
      market: { chainId: 31337, address: address('44') },
      coe: {
        coe: {
          root: hash('55'),
          height: 2,
          notBeforeSeconds: seconds(100),
          notAfterSeconds: seconds(200),
        },
        coeSignature: signature('66'),
        witness: { meter: address('77'), model: hash('88'), notAfterSeconds: seconds(900) },
        witnessSignature: signature('99'),
      },
      nextLeaf: 3,
      bindings: [
        {
          leaf: 2,
          order: 1,
          ctpId: hash('aa'),
          ctp: {
            producer: address('bb'),
            offerId: 2n ** 64n - 1n,
            amountWei: wei(2n ** 96n - 1n),
            energyWh: wh(2 ** 32 - 1),
            nonce: 7,
            expirySeconds: seconds(150),
            meterKey: address('cc'),
          },
          consumer: address('dd'),
          deliveredWh: wh(12),
          measuredAtSeconds: seconds(140),
          isReleased: true,
        },
      ],
    },
  ],
}

const renamed = (name: string): MeterState => ({ ...someState, name })

/** What every place for a meter must do. */
export function describeMeterStorage(name: string, makeHarness: () => MeterStorageHarness): void {
  describe(`${name} as a meter’s storage`, () => {
    it('is empty before the first save', () => {
      const storage = makeHarness().create()
      expect(storage.load()).toBeUndefined()
      storage.close()
    })

    it('gives back what was saved last', () => {
      const storage = makeHarness().create()
      storage.save(someState)
      expect(storage.load()).toEqual(someState)
      storage.save(renamed('b'))
      expect(storage.load()).toEqual(renamed('b'))
      storage.close()
    })

    it('gives it back to later holders, who may go on', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(renamed('a'))
      first.save(someState)
      first.close()
      const second = harness.reopen()
      expect(second.load()).toEqual(someState)
      second.save(renamed('b'))
      second.close()
      const third = harness.reopen()
      expect(third.load()).toEqual(renamed('b'))
      third.close()
    })

    it('has one holder at a time', () => {
      const harness = makeHarness()
      const first = harness.create()
      first.save(someState)
      const locked = expect.objectContaining({ code: 'meter/locked' })
      expect(() => harness.reopen()).toThrow(locked)
      first.save(renamed('still mine'))
      first.close()
      const second = harness.reopen()
      expect(second.load()?.name).toBe('still mine')
      // Closing again must not open the door to a third.
      first.close()
      expect(() => harness.reopen()).toThrow(locked)
      second.close()
    })

    it('saves nothing once it is closed', () => {
      const harness = makeHarness()
      const storage = harness.create()
      storage.save(someState)
      storage.close()
      const failed = expect.objectContaining({ code: 'store/failed' })
      expect(() => storage.save(renamed('late'))).toThrow(failed)
      const next = harness.reopen()
      expect(next.load()).toEqual(someState)
      next.close()
    })
  })
}
