import { seededBytes } from '../../test/support/seededBytes.ts'
import { WitnessRelay, type WitnessRelayLimits } from '../node/witnessRelay.ts'
import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Codec } from '../protocol/codec.ts'
import type { RandomBytes } from '../protocol/sealedBox.ts'
import type { Standing } from '../protocol/standing.ts'
import {
  sealedAnswerCodec,
  sealedBoxCodec,
  sealedRequestCodec,
  witnessMailCodec,
  witnessPageCodec,
  witnessPostCodec,
} from '../protocol/witnessCodecs.ts'
import { market, now, standing } from './neighbourhood.cases.ts'
import type { Pause } from './pause.ts'
import type { SoftwareMeter } from './softwareMeter.ts'
import {
  startWitnessService,
  type WitnessService,
  type WitnessServiceParts,
} from './witnessService.ts'

/** A clock that a test moves. */
export type TestClock = { nowMs(): number; add(ms: number): void }

/** A clock that begins at the time of these tests. */
export function makeClock(): TestClock {
  let nowMs = 1000 * now
  return {
    nowMs: () => nowMs,
    add: (ms) => {
      nowMs += ms
    },
  }
}

/** Pauses that a test ends. */
export type TestPauses = { pause: Pause; asked: number[]; end(): void }

/** Makes pauses that last until the test ends them, or their signal. */
export function makePauses(): TestPauses {
  const asked: number[] = []
  let waiting: (() => void)[] = []
  return {
    asked,
    pause: (ms, signal) =>
      new Promise((resolve) => {
        asked.push(ms)
        waiting.push(resolve)
        signal.addEventListener('abort', () => resolve())
        if (signal.aborted) resolve()
      }),
    end: () => {
      const all = waiting
      waiting = []
      for (const resolve of all) resolve()
    },
  }
}

/** A node's relay in memory, and everything that went through it, as JSON. */
export type TestRelay = WitnessRelayAccess & { relay: WitnessRelay; traffic: string[] }

/** Makes a relay that is reached as over HTTP: each message goes through its JSON form. */
export function makeTestRelay(
  name: string,
  clock: TestClock,
  options: { limits?: Partial<WitnessRelayLimits>; standing?: Standing } = {},
): TestRelay {
  const address: Address = `0x${Buffer.from(name.padEnd(20)).toString('hex')}`
  const relay = new WitnessRelay({
    ...{ market, relay: address, clock },
    readStanding: () => options.standing ?? standing,
    randomBelow: () => 0,
    limits: options.limits ?? {},
  })
  const traffic: string[] = []
  const carry = <Value>(codec: Codec<Value>, value: Value): Value => {
    const text = JSON.stringify(codec.encode(value))
    traffic.push(text)
    return codec.decode(JSON.parse(text), 'message')
  }
  return {
    ...{ name, relay, traffic },
    identify: async () => address,
    post: async (post) => relay.post(carry(witnessPostCodec, post)),
    async fetchRequests(meter, token, _waitSeconds, signal) {
      traffic.push(meter, token)
      const { outcome, giveUp } = relay.fetch(meter, token)
      signal.addEventListener('abort', giveUp)
      if (signal.aborted) giveUp()
      return carry(witnessMailCodec, { boxes: await outcome }).boxes
    },
    answer: async (meter, token, answer) =>
      relay.answer(meter, token, carry(sealedAnswerCodec, answer)),
    list: async () => carry(witnessPageCodec, { witnesses: relay.list() }).witnesses,
    async ask(request, signal) {
      const { outcome, giveUp } = relay.ask(carry(sealedRequestCodec, request), '10.0.0.1')
      signal.addEventListener('abort', giveUp)
      return carry(sealedBoxCodec, { box: await outcome }).box
    },
  }
}

const services: WitnessService[] = []
let served = 0

/** A witness at work, at these relays; `closeServices` ends it. */
export async function serveWitness(
  meter: SoftwareMeter,
  relays: readonly TestRelay[],
  clock: TestClock,
  changes: Partial<WitnessServiceParts> = {},
): Promise<WitnessService> {
  const randomBytes = seededBytes(`witness ${served++}`)
  const listening = relays.map(() => Promise.withResolvers<void>())
  const service = startWitnessService({
    ...{ meter, market, relays, clock, randomBytes },
    readStanding: async () => standing,
    pause: makePauses().pause,
    onState: (name, { kind }) => {
      if (kind === 'listening') listening[relays.findIndex((each) => each.name === name)]?.resolve()
    },
    ...changes,
  })
  services.push(service)
  if (changes.onState === undefined) {
    await Promise.all(listening.map(({ promise }) => promise))
    // From "posted" to "waits for requests" it is a step of the event loop.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return service
}

/** Ends all witnesses of a test. */
export async function closeServices(): Promise<void> {
  await Promise.all(services.splice(0).map((service) => service.close()))
}

/** A pause for owners: none of their waits ends by itself. */
export const patience: Pause = makePauses().pause

/** Random bytes of an owner in a test. */
export const ownerBytes = (seed: string): RandomBytes => seededBytes(`owner ${seed}`)
