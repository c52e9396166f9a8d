import { type Waiting, WitnessRelay } from '../../node/witnessRelay.ts'
import type { Clock } from '../../ports/clock.ts'
import type { WitnessRelayAccess } from '../../ports/witnessRelay.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { Market } from '../../protocol/digest.ts'
import { assert } from '../../protocol/spbError.ts'
import type { Standing } from '../../protocol/standing.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { sealedBoxCodec, sealedRequestCodec } from '../../protocol/witnessCodecs.ts'

/** What a node that relays between meters sees: who, when, and the message as it is sent. */
export type RelayRecord = { from: string; atSeconds: Seconds } & (
  | { kind: 'post'; meter: Address }
  | { kind: 'ask'; witness: Address; text: string }
  /** The sealed answer, as it goes to whoever asked. */
  | { kind: 'answered'; witness: Address; text: string }
)

/** What a street's relay works with. */
export type StreetRelayParts = {
  market: Market
  clock: Clock
  standing: Standing
  randomBelow(bound: number): number
}

/** One turn of the event loop: whatever can go on does. */
export const takeTurn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve))

const mostTurns = 1_000
const relayAddress: Address = `0x${'4e'.repeat(20)}`

/** The relay of a simulated node, with a record of what it saw. */
export class StreetRelay {
  readonly records: RelayRecord[] = []
  readonly #relay: WitnessRelay
  readonly #clock: Clock
  readonly #polls = new Set<() => void>()

  constructor({ market, clock, standing, randomBelow }: StreetRelayParts) {
    this.#clock = clock
    this.#relay = new WitnessRelay({
      ...{ market, clock, randomBelow, relay: relayAddress },
      readStanding: () => standing,
    })
  }

  /** The relay as it is reached from a network address. */
  accessFrom(from: string): WitnessRelayAccess {
    const relay = this.#relay
    const note = () => ({ from, atSeconds: seconds(Math.floor(this.#clock.nowMs() / 1000)) })
    return {
      name: 'street',
      identify: async () => relayAddress,
      list: async () => relay.list(),
      post: async (post) => {
        relay.post(post)
        this.records.push({ ...note(), kind: 'post', meter: post.certificate.meter })
      },
      fetchRequests: async (meter, token, _waitSeconds, signal) =>
        await this.#awaitPoll(relay.fetch(meter, token), signal),
      answer: async (meter, token, answer) => relay.answer(meter, token, answer),
      ask: async (request, signal) => {
        const { witness } = request
        const text = JSON.stringify(sealedRequestCodec.encode(request))
        this.records.push({ ...note(), kind: 'ask', witness, text })
        const { outcome, giveUp } = relay.ask(request, from)
        signal.addEventListener('abort', giveUp)
        const box = await outcome
        const answered = JSON.stringify(sealedBoxCodec.encode({ box }))
        this.records.push({ ...note(), kind: 'answered', witness, text: answered })
        return box
      },
    }
  }

  /** Ends all waits of witnesses, as time does, and resolves once so many wait again. */
  async endPolls(witnesses: number): Promise<void> {
    for (const giveUp of [...this.#polls]) giveUp()
    for (let turn = 0; this.#relay.counts.polls < witnesses; turn++) {
      assert(turn < mostTurns, 'witnesses wait for requests again')
      await takeTurn()
    }
  }

  async #awaitPoll<Value>(
    { outcome, giveUp }: Waiting<Value>,
    signal: AbortSignal,
  ): Promise<Value> {
    this.#polls.add(giveUp)
    signal.addEventListener('abort', giveUp)
    if (signal.aborted) giveUp()
    try {
      return await outcome
    } finally {
      this.#polls.delete(giveUp)
      signal.removeEventListener('abort', giveUp)
    }
  }
}
