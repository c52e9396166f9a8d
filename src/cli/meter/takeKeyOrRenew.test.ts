import { describe, expect, it } from 'vitest'
import { openMeterMemory } from '../../adapters/meter/memoryMeterStorage.ts'
import { createLocalWitness } from '../../meter/localWitness.ts'
import { createManufacturer } from '../../meter/manufacturer.ts'
import { manufactureSoftwareMeter } from '../../meter/manufactureSoftwareMeter.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import type { Address } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { standingOf } from '../../protocol/standing.ts'
import { maxUint40, seconds, wei, wh } from '../../protocol/units.ts'
import { takeKeyOrRenew } from './takeKeyOrRenew.ts'

const market = { chainId: 31_337, address: `0x${'5b'.repeat(20)}` } as const
const now = seconds(1_760_000_000)
const expirySeconds = seconds(now + 900)
const keyOf = (fill: number) => new Uint8Array(32).fill(fill)
const [ann, ben, producer] = [addressOf(keyOf(1)), addressOf(keyOf(2)), addressOf(keyOf(3))]
const manufacturer = createManufacturer(keyOf(0xfa))
const endsSeconds = seconds(maxUint40)
const standing = standingOf({
  ...{ manufacturers: [{ manufacturer: manufacturer.address, endsSeconds }], revokedMeters: [] },
})

function makeMeter(fill: number): SoftwareMeter {
  const notAfterSeconds = seconds(now + 365 * 86_400)
  return manufactureSoftwareMeter(
    { name: `m${fill}`, seed: keyOf(fill), manufacturer, notAfterSeconds, treeHeight: 1 },
    openMeterMemory(),
  )
}

/** A meter that counts its renewals, and the call of an account. */
function open() {
  const meter = makeMeter(10)
  const witness = createLocalWitness(makeMeter(11), { standing, nowSeconds: () => now })
  let renewals = 0
  const renew = async () => {
    renewals++
    await meter.renew(market, witness, { nowSeconds: now, standing })
  }
  let nonce = 0
  /** Takes a key and binds it; the tree that it is of. */
  const buy = async (consumer: Address): Promise<number> => {
    const { meterKey } = await takeKeyOrRenew(meter, renew, { expirySeconds, consumer })
    const terms = { producer, offerId: 1n, amountWei: wei(10n ** 15n), energyWh: wh(500) }
    const ctp = { ...terms, nonce: nonce++, expirySeconds, meterKey }
    meter.bind(ctp, consumer, market)
    return meter.state.trees.find(({ bindings }) => bindings.some((each) => each.ctp === ctp))!
      .number
  }
  return { meter, buy, renewals: () => renewals }
}

describe('a key of a running meter', () => {
  it('P9: is of a next tree, got for it, where another account used the others', async () => {
    const { meter, buy, renewals } = open()
    expect([await buy(ann), renewals()]).toEqual([0, 1])
    expect([await buy(ben), renewals()]).toEqual([1, 2])
    expect([await buy(ann), await buy(ben), renewals()]).toEqual([0, 1, 2])
    for (const { bindings } of meter.state.trees) {
      expect(new Set(bindings.map(({ consumer }) => consumer)).size).toBe(1)
    }
    // Both trees are used up.
    expect([await buy(ann), renewals()]).toEqual([2, 3])
  })

  it('is counted for the account', async () => {
    const { meter, buy } = open()
    await buy(ann)
    const renew = () =>
      meter.renew(market, createLocalWitness(makeMeter(11), { standing, nowSeconds: () => now }), {
        ...{ nowSeconds: now, standing },
      })
    const asked = { expirySeconds, consumer: ben }
    expect((await takeKeyOrRenew(meter, renew, asked)).keysLeft).toBe(1)
    expect(meter.keysLeft(expirySeconds)).toBe(2)
  })

  const failed = new SpbError('meter/no-witness', 'Nobody is near.', { hint: 'Move.' })
  it.each(['meter/exhausted', 'meter/other-account'] as const)(
    'is refused with %s, and why no next tree was to be had',
    async (code) => {
      const { meter, buy } = open()
      await buy(ann)
      if (code === 'meter/exhausted') await buy(ann)
      const renew = () => Promise.reject(failed)
      const taken = takeKeyOrRenew(meter, renew, { expirySeconds, consumer: ben })
      await expect(taken).rejects.toMatchObject({ code, hint: 'Move.', cause: failed })
      await expect(taken).rejects.toThrow(/next one was not to be had: Nobody is near\.$/)
    },
  )

  it('is asked for once more only, and not where a next tree puts nothing right', async () => {
    const { meter, buy } = open()
    let renewals = 0
    const renew = async () => void renewals++
    const exhausted = takeKeyOrRenew(meter, renew, { expirySeconds, consumer: ann })
    await expect(exhausted).rejects.toMatchObject({ code: 'meter/exhausted' })
    expect(renewals).toBe(1)
    await buy(ann)
    const late = { expirySeconds: seconds(now + 8 * 86_400), consumer: ann }
    const refused = takeKeyOrRenew(meter, renew, late)
    await expect(refused).rejects.toMatchObject({ code: 'meter/coe-expired' })
    const broken = takeKeyOrRenew(meter, () => Promise.reject(new TypeError('bug')), {
      ...{ expirySeconds, consumer: ben },
    })
    await expect(broken).rejects.toThrow(TypeError)
    expect(renewals).toBe(1)
  })
})
