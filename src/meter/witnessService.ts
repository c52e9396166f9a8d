import type { Clock } from '../ports/clock.ts'
import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import { type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { RandomBytes } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Standing } from '../protocol/standing.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { witnessLimits } from '../protocol/witnessCodecs.ts'
import { tokenHashOf, type WitnessPost, type WitnessPostTerms } from '../protocol/witnessPost.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'
import { type Pause, pauseOnClock } from './pause.ts'
import {
  type CertifyingMeter,
  type WitnessCounts,
  WitnessDesk,
  type WitnessDeskLimits,
} from './witnessDesk.ts'

/** A meter that offers itself as a witness; a `SoftwareMeter` is one. */
export type WitnessingMeter = CertifyingMeter & {
  readonly signedCertificate: SignedMeterCertificate
  announce(market: Market, terms: WitnessPostTerms): WitnessPost
}

/** How a service stands with one node. */
export type WitnessLinkState =
  | { kind: 'connecting' }
  | { kind: 'listening' }
  | { kind: 'waiting'; cause: SpbError; retryAtMs: number }
  | { kind: 'ended' }

/** What a witness service works with. */
export type WitnessServiceParts = {
  meter: WitnessingMeter
  market: Market
  /** Whom the market trusts now, as a node says. Throws `node/*`. */
  readStanding(): Promise<Standing>
  /** Nodes through which the meter can be reached; independent of each other. */
  relays: readonly WitnessRelayAccess[]
  clock: Clock
  randomBytes: RandomBytes
  limits?: Partial<WitnessDeskLimits>
  /** `longestCoeSeconds` where left out. */
  longestSeconds?: Seconds
  pause?: Pause
  /** Told of each change, with the node's name. */
  onState?: (relay: string, state: WitnessLinkState) => void
}

/** A meter at work as a witness. */
export type WitnessService = {
  /** What it did, as numbers: it keeps nothing that links. */
  readonly counts: WitnessCounts
  /** Of each node, by its name. */
  readonly states: ReadonlyMap<string, WitnessLinkState>
  /** Stops waiting for requests; what it knew of owners is gone. */
  close(): Promise<void>
}

/** For how long a post counts, and when it is made anew. */
const postSeconds = 86_400
const renewPostMs = 43_200_000
const shortestBackoffMs = 1_000
const longestBackoffMs = 60_000
/** Where a node answers at once that nothing waits, or floods, it is asked again after so long. */
const idlePauseMs = 5_000

/** One node, and what the meter posted there. */
type Link = {
  relay: WitnessRelayAccess
  token: Bytes32
  postedAtMs: number | undefined
  lastEndSeconds: number
}

class RunningWitness implements WitnessService {
  readonly states = new Map<string, WitnessLinkState>()
  readonly #parts: WitnessServiceParts
  readonly #desk: WitnessDesk
  readonly #pause: Pause
  readonly #closing = new AbortController()
  readonly #loops: Promise<unknown>

  constructor(parts: WitnessServiceParts) {
    const { meter, market, randomBytes, limits = {}, pause = pauseOnClock } = parts
    this.#parts = parts
    this.#pause = pause
    this.#desk = new WitnessDesk({ meter, market, randomBytes, limits })
    this.#loops = Promise.all(parts.relays.map((relay) => this.#serve(relay)))
  }

  get counts(): WitnessCounts {
    return this.#desk.counts
  }

  async close(): Promise<void> {
    this.#closing.abort()
    await this.#loops
  }

  get #isClosing(): boolean {
    return this.#closing.signal.aborted
  }

  /** What somebody else does, for as long as the service is open: its end waits for nobody. */
  #orClosed<Value>(work: Promise<Value>): Promise<Value> {
    const { signal } = this.#closing
    return new Promise((resolve, reject) => {
      const end = () => reject(new SpbError('node/unreachable', 'The witness is closing.'))
      signal.addEventListener('abort', end)
      if (signal.aborted) end()
      work.then(resolve, reject).finally(() => signal.removeEventListener('abort', end))
    })
  }

  #tell(relay: WitnessRelayAccess, state: WitnessLinkState): void {
    this.states.set(relay.name, state)
    this.#parts.onState?.(relay.name, state)
  }

  /** Stays with a node until the end; whatever it refuses is tried again, ever more rarely. */
  async #serve(relay: WitnessRelayAccess): Promise<void> {
    const { clock, randomBytes } = this.#parts
    const token = bytesToHex(randomBytes(32))
    const link: Link = { relay, token, postedAtMs: undefined, lastEndSeconds: 0 }
    let backoffMs = shortestBackoffMs
    this.#tell(relay, { kind: 'connecting' })
    while (!this.#isClosing) {
      try {
        await this.#post(link)
        await this.#work(link)
        if (this.states.get(relay.name)?.kind !== 'listening') {
          this.#tell(relay, { kind: 'listening' })
        }
        backoffMs = shortestBackoffMs
      } catch (cause) {
        if (!(cause instanceof SpbError)) throw cause
        if (this.#isClosing) break
        // The node was started anew, or has another post: next time it gets this one again.
        if (cause.code.startsWith('witness/')) link.postedAtMs = undefined
        this.#tell(relay, { kind: 'waiting', cause, retryAtMs: clock.nowMs() + backoffMs })
        await this.#pause(backoffMs, this.#closing.signal)
        backoffMs = Math.min(2 * backoffMs, longestBackoffMs)
      }
    }
    this.#tell(relay, { kind: 'ended' })
  }

  /** Makes the meter known, where that is not so or will soon be over. */
  async #post(link: Link): Promise<void> {
    const { meter, market, clock } = this.#parts
    const nowMs = clock.nowMs()
    if (link.postedAtMs !== undefined && nowMs - link.postedAtMs < renewPostMs) return
    // The later end wins at the node, so an old post that somebody shows again does not.
    const endSeconds = Math.max(Math.floor(nowMs / 1000) + postSeconds, link.lastEndSeconds + 1)
    const terms = {
      relay: await this.#orClosed(link.relay.identify()),
      sealingKey: this.#desk.sealingKey,
      tokenHash: bytesToHex(tokenHashOf(link.token)),
      notAfterSeconds: seconds(endSeconds),
    }
    await this.#orClosed(link.relay.post(meter.announce(market, terms)))
    link.lastEndSeconds = endSeconds
    link.postedAtMs = nowMs
    // Said now: the first wait for requests may be long.
    this.#tell(link.relay, { kind: 'listening' })
  }

  /** Waits for requests once, and answers them. */
  async #work({ relay, token }: Link): Promise<void> {
    const { meter, clock } = this.#parts
    const { pollSeconds } = witnessLimits
    const { signal } = this.#closing
    const askedAtMs = clock.nowMs()
    // What could not be looked at is not fetched: it would cost as much, and be lost.
    if (!this.#desk.hasRoom(relay.name, askedAtMs)) return await this.#pause(idlePauseMs, signal)
    const boxes = await relay.fetchRequests(meter.identity, token, pollSeconds, signal)
    if (boxes.length > 0) {
      const standing = await this.#orClosed(this.#parts.readStanding())
      for (const box of boxes) await this.#answer(relay, token, box, standing)
      return
    }
    const isEarly = clock.nowMs() - askedAtMs < 500 * pollSeconds
    if (isEarly) await this.#pause(idlePauseMs, signal)
  }

  async #answer(
    relay: WitnessRelayAccess,
    token: Bytes32,
    box: Hex,
    standing: Standing,
  ): Promise<void> {
    const { meter, clock, longestSeconds } = this.#parts
    const nowMs = clock.nowMs()
    const policy = {
      nowSeconds: seconds(Math.floor(nowMs / 1000)),
      standing,
      ...(longestSeconds === undefined ? {} : { longestSeconds }),
    }
    const answer = await this.#desk.handle(box, relay.name, policy, nowMs)
    if (answer === undefined) return
    try {
      await this.#orClosed(relay.answer(meter.identity, token, answer))
    } catch (error) {
      const isOver = error instanceof SpbError && error.code === 'witness/not-asked'
      if (!isOver) throw error
    }
  }
}

/**
 * Offers a meter as a witness at nodes, and answers what other meters ask through them, until it
 * is closed. Failures are states, and mend themselves.
 */
export function startWitnessService(parts: WitnessServiceParts): WitnessService {
  return new RunningWitness(parts)
}
