import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { SpbError } from '../protocol/spbError.ts'
import { maxUint40, seconds } from '../protocol/units.ts'
import type { WitnessPost } from '../protocol/witnessPost.ts'
import { renewFromAny } from './findCoe.ts'
import {
  day,
  endingStanding,
  later,
  makeMeter,
  market,
  now,
  standing,
} from './neighbourhood.cases.ts'
import { pauseOnClock } from './pause.ts'
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
import type { WitnessLinkState, WitnessServiceParts } from './witnessService.ts'

let clock: TestClock
let relay: TestRelay

beforeEach(() => {
  clock = makeClock()
  relay = makeTestRelay('north', clock)
})

afterEach(closeServices)

const renewThrough = (relays: readonly TestRelay[], seed = '') =>
  renewFromAny(makeMeter(1), market, relays, {
    ...{ nowSeconds: now, standing, randomBytes: ownerBytes(seed), pause: patience },
  })

/** A witness whose states are written down. */
async function watchWitness(
  relays: readonly TestRelay[],
  changes: Partial<WitnessServiceParts> = {},
) {
  const states: WitnessLinkState[] = []
  const onState = (_: string, state: WitnessLinkState) => states.push(state)
  const service = await serveWitness(makeMeter(2), relays, clock, { onState, ...changes })
  const kinds = () => states.map(({ kind }) => kind)
  return { service, states, kinds }
}

describe('a witness service', () => {
  it('listens at each node, answers through all, and counts', async () => {
    const south = makeTestRelay('south', clock)
    const service = await serveWitness(makeMeter(2), [relay, south], clock)
    await renewThrough([relay], 'a')
    await renewThrough([south], 'b')
    expect(service.counts).toEqual({ signed: 2, refused: 0, dropped: 0 })
    expect([...service.states]).toEqual([
      ['north', { kind: 'listening' }],
      ['south', { kind: 'listening' }],
    ])
  })

  it('ends when it is closed, and can be reached no more', async () => {
    const { service, kinds } = await watchWitness([relay])
    await expect.poll(kinds).toEqual(['connecting', 'listening'])
    await service.close()
    expect(kinds().at(-1)).toBe('ended')
    clock.add(61_000)
    expect(relay.relay.list()).toEqual([])
    expect(relay.relay.counts.polls).toBe(0)
  })

  it('ends also while a node does not answer', async () => {
    const deaf = { ...relay, identify: () => new Promise<never>(() => {}) }
    const { service, kinds } = await watchWitness([deaf])
    await service.close()
    expect(kinds()).toEqual(['connecting', 'ended'])
  })

  it('comes back to a node that failed, after ever longer pauses, and says why', async () => {
    let failuresLeft = 7
    const failing: TestRelay = {
      ...relay,
      post: async (post) => {
        if (failuresLeft-- > 0) throw new SpbError('node/unreachable')
        return relay.post(post)
      },
    }
    const { pause, asked, end } = makePauses()
    const { states } = await watchWitness([failing], { pause })
    for (let count = 1; count <= 7; count++) {
      await expect.poll(() => asked.length).toBe(count)
      end()
    }
    expect(asked).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000])
    await expect.poll(() => states.at(-1)).toEqual({ kind: 'listening' })
    expect(states[1]).toEqual({
      kind: 'waiting',
      cause: expect.objectContaining({ code: 'node/unreachable' }),
      retryAtMs: 1000 * now + 1000,
    })
  })

  it('posts anew where a node forgot it', async () => {
    const { pause, asked, end } = makePauses()
    const { kinds } = await watchWitness([relay], { pause })
    await expect.poll(() => relay.relay.counts.polls).toBe(1)
    relay.relay.close()
    // The wait ends with nothing; the node knows no such witness when it is asked again.
    await expect.poll(() => asked).toEqual([5000])
    end()
    await expect.poll(() => asked).toEqual([5000, 1000])
    end()
    await expect.poll(() => relay.relay.list()).toHaveLength(1)
    expect(kinds()).toEqual(['connecting', 'listening', 'waiting', 'listening'])
  })

  it('posts anew twice a day, each time with a later end', async () => {
    const posts: WitnessPost[] = []
    const noting: TestRelay = {
      ...relay,
      post: async (post) => {
        posts.push(post)
        return relay.post(post)
      },
    }
    const { pause, asked, end } = makePauses()
    await watchWitness([noting], { pause })
    for (const halfDays of [1, 2]) {
      await expect.poll(() => relay.relay.counts.polls).toBe(1)
      clock.add(43_200_000)
      const [poll] = [relay.relay.fetch(makeMeter(2).identity, tokenOf(relay))]
      poll.giveUp()
      await expect.poll(() => asked.length + posts.length).toBeGreaterThan(halfDays)
      end()
      await expect.poll(() => posts.length).toBe(1 + halfDays)
    }
    const ends = posts.map(({ notAfterSeconds }) => notAfterSeconds)
    expect(ends).toEqual([later(day), later(1.5 * day), later(2 * day)])
    expect(new Set(posts.map(({ sealingKey }) => sealingKey)).size).toBe(1)
  })

  it('does not ask a node that answers at once again and again', async () => {
    const full = makeTestRelay('full', clock, { limits: { polls: 0 } })
    const { pause, asked } = makePauses()
    await watchWitness([full], { pause })
    await expect.poll(() => asked).toEqual([5000])
    expect(full.relay.list()).toHaveLength(1)
  })

  it('a node that floods it costs little, and takes nothing from the others', async () => {
    let fetches = 0
    // Never asks anything true, and never lets it wait.
    const flooding: TestRelay = {
      ...makeTestRelay('flooding', clock),
      fetchRequests: async () => {
        if (++fetches > 1000) throw new Error('asked again and again')
        return Array.from({ length: 16 }, () => `0x01${'00'.repeat(1023)}` as const)
      },
    }
    const { pause, asked } = makePauses()
    const { service } = await watchWitness([relay, flooding], { pause })
    await expect.poll(() => asked).toEqual([5000])
    expect(fetches).toBe(15)
    await expect(renewThrough([relay])).resolves.toBeDefined()
    expect(service.counts).toEqual({ signed: 1, refused: 0, dropped: 240 })
  })

  it('takes no harm when an owner gave up meanwhile', async () => {
    const standings = Promise.withResolvers<typeof standing>()
    const { service, kinds } = await watchWitness([relay], {
      readStanding: () => standings.promise,
    })
    await expect.poll(() => relay.relay.counts.polls).toBe(1)
    const { pause, asked, end } = makePauses()
    const failed = renewFromAny(makeMeter(1), market, [relay], {
      ...{ nowSeconds: now, standing, randomBytes: ownerBytes('gone'), pause },
    })
    const refused = expect(failed).rejects.toThrow(
      expect.objectContaining({ code: 'meter/no-witness' }),
    )
    await expect.poll(() => asked).toHaveLength(1)
    end()
    await refused
    standings.resolve(standing)
    await expect.poll(() => service.counts.signed).toBe(1)
    await expect.poll(() => relay.relay.counts.polls).toBe(1)
    expect(kinds()).not.toContain('waiting')
  })

  it('P6: stops vouching as soon as it hears of its own revocation', async () => {
    const revocation = { meter: makeMeter(2).identity, endsSeconds: later(day) }
    const revoked = endingStanding(seconds(maxUint40), revocation)
    const service = await serveWitness(makeMeter(2), [relay], clock, {
      readStanding: async () => revoked,
    })
    await expect(renewThrough([relay])).rejects.toThrow(
      expect.objectContaining({
        code: 'meter/no-witness',
        meta: expect.objectContaining({ failures: 'meter/revoked' }),
      }),
    )
    expect(service.counts).toEqual({ signed: 0, refused: 1, dropped: 0 })
  })
})

/** The token that the only witness of a relay sent. */
function tokenOf({ traffic }: TestRelay): `0x${string}` {
  return traffic.find((text) => /^0x[0-9a-f]{64}$/.test(text)) as `0x${string}`
}

describe('a pause on the clock', () => {
  it('ends by itself, and with its signal', async () => {
    const ending = new AbortController()
    await pauseOnClock(1, ending.signal)
    const long = pauseOnClock(1_000_000, ending.signal)
    ending.abort()
    await long
    await pauseOnClock(1_000_000, ending.signal)
  })
})
