import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { verifyCoe } from '../protocol/meterEvidence.ts'
import { SpbError } from '../protocol/spbError.ts'
import { maxUint40, seconds } from '../protocol/units.ts'
import type { WitnessPost } from '../protocol/witnessPost.ts'
import { type FindCoeOptions, renewFromAny } from './findCoe.ts'
import {
  day,
  endingStanding,
  later,
  makeMeter,
  manufacturer,
  market,
  now,
  otherMarket,
  standing,
  stranger,
} from './neighbourhood.cases.ts'
import {
  closeServices,
  makeClock,
  makePauses,
  makeTestRelay,
  ownerBytes,
  patience,
  serveWitness,
  type TestClock,
  type TestRelay,
} from './relays.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'

let clock: TestClock
let relay: TestRelay

beforeEach(() => {
  clock = makeClock()
  relay = makeTestRelay('north', clock)
})

afterEach(closeServices)

const options = (seed = '', changes: Partial<FindCoeOptions> = {}): FindCoeOptions => ({
  ...{ nowSeconds: now, standing, randomBytes: ownerBytes(seed), pause: patience },
  ...changes,
})

const noWitness = (meta: object) =>
  expect.objectContaining({ code: 'meter/no-witness', meta: expect.objectContaining(meta) })

describe('a meter that looks for a witness', () => {
  it('is vouched for through a node that lists one', async () => {
    const witness = makeMeter(2)
    await serveWitness(witness, [relay], clock)
    const meter = makeMeter(1)
    const signed = await renewFromAny(meter, market, [relay], options())
    const voucher = { witness: witness.identity, manufacturer: manufacturer.address }
    expect(verifyCoe(market, signed)).toEqual(voucher)
    expect(meter.keysLeft(later(3600))).toBe(8)
  })

  it('chooses at random among all that will do, however often they are listed', async () => {
    const south = makeTestRelay('south', clock)
    const often = makeMeter(2)
    const rare = makeMeter(3)
    await serveWitness(often, [relay, south], clock, { limits: { signedPerOwner: 100 } })
    await serveWitness(rare, [relay], clock, { limits: { signedPerOwner: 100 } })
    let timesOfRare = 0
    for (let round = 0; round < 40; round++) {
      const meter = makeMeter(1, { treeHeight: 1 })
      const { witness } = await renewFromAny(meter, market, [relay, south], options(`${round}`))
      if (witness.meter === rare.identity) timesOfRare++
    }
    expect(timesOfRare).toBeGreaterThan(10)
    expect(timesOfRare).toBeLessThan(30)
  })

  it('never asks itself, also where it is the only one', async () => {
    const storage = openMeterMemory()
    const meter = makeMeter(1, {}, storage)
    await serveWitness(meter, [relay], clock)
    await expect(renewFromAny(meter, market, [relay], options())).rejects.toThrow(
      noWitness({ listed: 1, suitable: 0, tried: 0, failures: '' }),
    )
  })

  it('says how many nodes it could not reach', async () => {
    const gone: TestRelay = {
      ...relay,
      list: async () => {
        throw new SpbError('node/unreachable')
      },
    }
    await expect(renewFromAny(makeMeter(1), market, [gone, relay], options())).rejects.toThrow(
      noWitness({ nodes: 2, unreachableNodes: 1, listed: 0, suitable: 0, tried: 0 }),
    )
    await serveWitness(makeMeter(2), [relay], clock)
    await expect(
      renewFromAny(makeMeter(1), market, [gone, relay], options()),
    ).resolves.toBeDefined()
  })
})

describe('witnesses that do not help', () => {
  it('a silent one costs a wait, and another is asked', async () => {
    const silent = makeMeter(2)
    await serveWitness(silent, [relay], clock, { readStanding: () => new Promise(() => {}) })
    const { pause, asked, end } = makePauses()
    const failed = renewFromAny(makeMeter(1), market, [relay], options('', { pause }))
    const refused = expect(failed).rejects.toThrow(
      noWitness({ listed: 1, suitable: 1, tried: 1, failures: 'meter/witness-silent' }),
    )
    await expect.poll(() => asked).toEqual([20_000])
    end()
    await refused
  })

  it('do not keep a meter from the next one', async () => {
    const byAddress = [makeMeter(2), makeMeter(3)].sort((a, b) =>
      a.identity < b.identity ? -1 : 1,
    )
    const [silent, helpful] = byAddress as [SoftwareMeter, SoftwareMeter]
    await serveWitness(silent, [relay], clock, { readStanding: () => new Promise(() => {}) })
    await serveWitness(helpful, [relay], clock)
    const random = ownerBytes('first')
    // Draws have four bytes: zeros choose the first of the list.
    const randomBytes = (length: number) => (length === 4 ? new Uint8Array(4) : random(length))
    const { pause, asked, end } = makePauses()
    const found = renewFromAny(makeMeter(1), market, [relay], options('', { pause, randomBytes }))
    await expect.poll(() => asked).toHaveLength(1)
    end()
    expect((await found).witness.meter).toBe(helpful.identity)
    expect(asked).toHaveLength(2)
  })

  it('refusing ones are asked once each, at most five, and their codes are told', async () => {
    const busy = { limits: { signedPerHour: 0 } }
    for (let fill = 2; fill < 9; fill++) await serveWitness(makeMeter(fill), [relay], clock, busy)
    const failures = Array(5).fill('meter/witness-busy').join(', ')
    await expect(renewFromAny(makeMeter(1), market, [relay], options())).rejects.toThrow(
      noWitness({ listed: 7, suitable: 7, tried: 5, failures }),
    )
    await expect(
      renewFromAny(makeMeter(1), market, [relay], options('more', { tries: 20 })),
    ).rejects.toThrow(noWitness({ tried: 7 }))
  })

  it('see a tree of their own each: no root is shown to two witnesses', async () => {
    const roots: string[] = []
    const meter = makeMeter(1)
    for (const fill of [2, 3, 4]) {
      const witness = makeMeter(fill)
      const listener = {
        identity: witness.identity,
        signedCertificate: witness.signedCertificate,
        announce: witness.announce.bind(witness),
        certify: (request: Parameters<typeof witness.certify>[0]) => {
          roots.push(request.coe.root)
          throw new SpbError('meter/witness-busy')
        },
      }
      await serveWitness(witness, [relay], clock, { meter: listener })
    }
    await expect(renewFromAny(meter, market, [relay], options())).rejects.toThrow(
      noWitness({ tried: 3 }),
    )
    expect(new Set(roots).size).toBe(3)
  })

  it('change nothing of the keys that the meter has', async () => {
    await serveWitness(makeMeter(2), [relay], clock)
    const meter = makeMeter(1)
    await renewFromAny(meter, market, [relay], options())
    const { trees } = meter.state
    await closeServices()
    clock.add(120_000)
    await expect(renewFromAny(meter, market, [relay], options())).rejects.toThrow(
      noWitness({ listed: 0 }),
    )
    expect(meter.state.trees).toEqual(trees)
    expect(meter.keysLeft(later(3600))).toBe(8)
  })

  it('are not asked through a node that is gone', async () => {
    const isAsked: string[] = []
    for (const fill of [2, 3, 4]) await serveWitness(makeMeter(fill), [relay], clock)
    const broken: TestRelay = {
      ...relay,
      ask: async ({ witness }) => {
        isAsked.push(witness)
        throw new SpbError('node/unreachable')
      },
    }
    await expect(renewFromAny(makeMeter(1), market, [broken], options())).rejects.toThrow(
      noWitness({ listed: 3, suitable: 3, tried: 1, failures: 'node/unreachable' }),
    )
    expect(isAsked).toHaveLength(1)
  })
})

describe('nodes that cheat', () => {
  const fail = (code: ErrorCode) => async () => {
    throw new SpbError(code)
  }

  it.each<[string, Partial<TestRelay>]>([
    ['its list', { list: fail('store/failed') }],
    ['a request', { ask: fail('store/failed') }],
    ['a request', { ask: fail('meter/certificate-expired') }],
  ])('cannot pass for the meter’s own trouble: %s', async (_what, lies) => {
    const south = makeTestRelay('south', clock)
    await serveWitness(makeMeter(2), [relay, south], clock)
    const liar: TestRelay = { ...relay, ...lies }
    const looked = renewFromAny(makeMeter(1), market, [liar], options())
    await expect(looked).rejects.toThrow(expect.objectContaining({ code: 'meter/no-witness' }))
    for (const seed of ['a', 'b', 'c', 'd', 'e', 'f']) {
      const found = renewFromAny(makeMeter(1), market, [liar, south], options(seed))
      await expect(found).resolves.toBeDefined()
    }
  })

  it('keep no meter from witnesses whom another node reaches', async () => {
    const limits = { signedPerOwner: 100 }
    for (const fill of [2, 3]) await serveWitness(makeMeter(fill), [relay], clock, { limits })
    let swallowed = 0
    // It lists again and again what another lists, and passes nothing on.
    const greedy: TestRelay = {
      ...relay,
      list: async () => {
        const posts = await relay.list()
        return Array.from({ length: 50 }, () => posts).flat()
      },
      ask: async () => {
        swallowed++
        throw new SpbError('meter/witness-silent')
      },
    }
    for (let round = 0; round < 20; round++) {
      const found = renewFromAny(makeMeter(1), market, [greedy, relay], options(`${round}`))
      await expect(found).resolves.toBeDefined()
    }
    expect(swallowed).toBeGreaterThan(3)
    expect(swallowed).toBeLessThan(17)
  })
})

describe('posts that will not do are not asked', () => {
  /** What looking came to at a relay that lists what it likes. */
  async function lookAt(
    change: (post: WitnessPost) => WitnessPost,
    witness = makeMeter(2),
    changes: Partial<FindCoeOptions> = {},
  ) {
    await serveWitness(witness, [relay], clock)
    let isAsked = false
    const cheat: TestRelay = {
      ...relay,
      list: async () => (await relay.list()).map(change),
      ask: async (...request) => {
        isAsked = true
        return relay.ask(...request)
      },
    }
    const looked = renewFromAny(makeMeter(1), market, [cheat], options('', changes))
    await expect(looked).rejects.toThrow(noWitness({ listed: 1, suitable: 0, tried: 0 }))
    expect(isAsked).toBe(false)
  }
  const asIs = (post: WitnessPost) => post

  it('where a relay put its own sealing key in', () =>
    lookAt((post) => ({ ...post, sealingKey: `0x${'99'.repeat(32)}` })))

  it('P6: of an untrusted manufacturer', async () => {
    const open = makeTestRelay('open', clock, { standing: endingStandingOf(stranger.address) })
    await serveWitness(makeMeter(2, { manufacturer: stranger }), [open], clock)
    await expect(renewFromAny(makeMeter(1), market, [open], options())).rejects.toThrow(
      noWitness({ listed: 1, suitable: 0 }),
    )
  })

  it('P6: of a revoked meter, which this node may not know yet', () => {
    const revocation = { meter: makeMeter(2).identity, endsSeconds: later(day) }
    return lookAt(asIs, makeMeter(2), {
      standing: endingStanding(seconds(maxUint40), revocation),
    })
  })

  it('of a certificate that ends within a day', () =>
    lookAt(asIs, makeMeter(2, { notAfterSeconds: later(day - 1) })))
})

/** Trusts some manufacturer as the other standings trust theirs. */
function endingStandingOf(maker: typeof stranger.address) {
  return {
    ...standing,
    manufacturerEndsSeconds: (address: string) =>
      address === maker ? seconds(maxUint40) : undefined,
  }
}

describe('a meter that no witness could help', () => {
  it('asks nobody', async () => {
    const look = (meter = makeMeter(1), changes: Partial<FindCoeOptions> = {}) =>
      renewFromAny(meter, market, [], options('', changes))
    const refusal = (code: string) => expect.objectContaining({ code })
    await expect(look(makeMeter(1, { notAfterSeconds: later(-1) }))).rejects.toThrow(
      refusal('meter/certificate-expired'),
    )
    await expect(look(makeMeter(1, { manufacturer: stranger }))).rejects.toThrow(
      refusal('meter/owner-untrusted'),
    )
    const revocation = { meter: makeMeter(1).identity, endsSeconds: later(day) }
    const revoked = endingStanding(seconds(maxUint40), revocation)
    await expect(look(makeMeter(1), { standing: revoked })).rejects.toThrow(
      refusal('meter/revoked'),
    )
  })

  it('is told of its own trouble, not of a witness’s', async () => {
    await serveWitness(makeMeter(2), [relay], clock)
    const storage = openMeterMemory()
    const meter = makeMeter(1, {}, storage)
    storage.save = () => {
      throw new SpbError('store/failed')
    }
    await expect(renewFromAny(meter, market, [relay], options())).rejects.toThrow(
      expect.objectContaining({ code: 'store/failed' }),
    )
  })

  it('gets no CoE for another market than the witness’s', async () => {
    await serveWitness(makeMeter(2), [relay], clock)
    const looked = renewFromAny(makeMeter(1), otherMarket, [relay], options())
    await expect(looked).rejects.toThrow(noWitness({ listed: 1, suitable: 0 }))
  })
})
