import type { Clock } from '../ports/clock.ts'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import { requestIdOf } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { Standing } from '../protocol/standing.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { type SealedAnswer, type SealedRequest, witnessLimits } from '../protocol/witnessCodecs.ts'
import {
  checkPostStanding,
  checkWitnessPost,
  tokenHashOf,
  type WitnessPost,
} from '../protocol/witnessPost.ts'

/** How much a relay keeps; all of it in memory, and none of it for long. */
export type WitnessRelayLimits = {
  /** Witnesses. When it is full, those go that are over or were not here for `absentMs`. */
  posts: number
  /** Owners who wait for answers; further ones are refused. */
  asks: number
  /** Owners of one network address who wait. */
  asksPerAddress: number
  /** Witnesses who wait for requests; further ones are answered at once. */
  polls: number
  /** A witness that did not ask for requests for so long is not listed, and not asked. */
  reachableMs: number
  /** One that did not for so long makes room for others. */
  absentMs: number
}

/** What holds unless told otherwise. */
export const defaultRelayLimits: WitnessRelayLimits = {
  posts: 4096,
  asks: 128,
  asksPerAddress: 128,
  polls: 192,
  reachableMs: 60_000,
  absentMs: 600_000,
}

/** What a relay works with. */
export type WitnessRelayParts = {
  market: Market
  /** The node's member address, which posts name. */
  relay: Address
  /** Whom the market trusts now. */
  readStanding(): Standing
  clock: Clock
  /** A uniform whole number from 0 to less than its argument. */
  randomBelow(bound: number): number
  limits?: Partial<WitnessRelayLimits>
}

/** Something that will come; whoever waits says when he no longer does. */
export type Waiting<Value> = { outcome: Promise<Value>; giveUp(): void }

/** A sealed request whose owner waits. */
type Ask = {
  id: Bytes32
  box: Hex
  from: string
  isFetched: boolean
  answer: PromiseWithResolvers<Hex>
}

/** A witness's post, who asks it, and the witness's own waiting for that. */
type Mailbox = {
  post: WitnessPost
  manufacturer: Address
  lastSeenMs: number
  hasFetched: boolean
  /** By id, the oldest first; answered ones are gone. */
  asks: Map<Bytes32, Ask>
  poll: PromiseWithResolvers<Hex[]> | undefined
}

/**
 * Passes sealed requests from meters to witnesses, and sealed answers back.
 *
 * It can read neither, and keeps nothing once an answer is through or its owner gone. Time comes
 * from a clock; whoever calls it gives waits up, so it has no timers.
 */
export class WitnessRelay {
  readonly #parts: WitnessRelayParts
  readonly #limits: WitnessRelayLimits
  readonly #mailboxes = new Map<Address, Mailbox>()
  #asks = 0
  #polls = 0
  readonly #asksFrom = new Map<string, number>()

  constructor(parts: WitnessRelayParts) {
    this.#parts = parts
    this.#limits = { ...defaultRelayLimits, ...parts.limits }
  }

  /** What it keeps now. */
  get counts(): { posts: number; asks: number; polls: number } {
    return { posts: this.#mailboxes.size, asks: this.#asks, polls: this.#polls }
  }

  /**
   * Takes a witness's post in; a later one replaces it, and the same again changes nothing.
   *
   * Throws `witness/post-invalid`, `signature/invalid`, `meter/witness-expired`,
   * `meter/witness-untrusted`, `meter/revoked`, `node/overloaded`.
   */
  post(post: WitnessPost): void {
    const { meter } = post.certificate
    if (post.relay !== this.#parts.relay) {
      throw new SpbError('witness/post-invalid', 'The post is for another node.')
    }
    const known = this.#mailboxes.get(meter)
    if (known !== undefined && post.notAfterSeconds < known.post.notAfterSeconds) {
      throw new SpbError('witness/post-invalid', 'A later post of this witness is known.')
    }
    const manufacturer = checkWitnessPost(post, this.#rules())
    if (known === undefined) {
      this.#makeRoom()
      const nothing = { asks: new Map(), poll: undefined }
      const lastSeenMs = this.#parts.clock.nowMs()
      this.#mailboxes.set(meter, {
        ...{ post, manufacturer, lastSeenMs, hasFetched: false },
        ...nothing,
      })
    } else if (post.notAfterSeconds > known.post.notAfterSeconds) {
      this.#replace(known, post, manufacturer)
    } else if (post.signature !== known.post.signature) {
      throw new SpbError('witness/post-invalid', 'Another post of the same end is known.')
    }
  }

  /**
   * Witnesses that can be reached and are in good standing: at most `listedWitnesses`, of more
   * any run of neighbours by address, so that places in the list say nothing.
   */
  list(): WitnessPost[] {
    const rules = this.#rules()
    const isInStanding = ({ post, manufacturer }: Mailbox) => {
      try {
        checkPostStanding(post, manufacturer, rules)
        return true
      } catch (error) {
        if (error instanceof SpbError) return false
        throw error
      }
    }
    const reachable = [...this.#mailboxes.keys()]
      .sort()
      .map((meter) => this.#mailboxes.get(meter)!)
      .filter((mailbox) => this.#isReachable(mailbox) && isInStanding(mailbox))
    const begin = reachable.length === 0 ? 0 : this.#parts.randomBelow(reachable.length)
    const turned = [...reachable.slice(begin), ...reachable.slice(0, begin)]
    return turned.slice(0, witnessLimits.listedWitnesses).map(({ post }) => post)
  }

  /**
   * What waits for a witness, or will: the oldest first. One that waits already is answered with
   * nothing, since only the newest of its connections is alive.
   *
   * Throws `witness/unknown`, `witness/wrong-token`.
   */
  fetch(meter: Address, token: Bytes32): Waiting<Hex[]> {
    const mailbox = this.#openMailbox(meter, token)
    mailbox.hasFetched = true
    mailbox.lastSeenMs = this.#parts.clock.nowMs()
    this.#endPoll(mailbox, [])
    const poll = Promise.withResolvers<Hex[]>()
    const boxes = this.#takeBoxes(mailbox)
    if (boxes.length > 0 || this.#polls >= this.#limits.polls) {
      poll.resolve(boxes)
      return { outcome: poll.promise, giveUp: () => undefined }
    }
    mailbox.poll = poll
    this.#polls++
    const giveUp = () => {
      if (mailbox.poll === poll) this.#endPoll(mailbox, [])
    }
    return { outcome: poll.promise, giveUp }
  }

  /**
   * Passes a sealed request on; its outcome is the sealed answer, or `meter/witness-silent`.
   * `from` is the owner's network address, or its network's, for counting alone.
   *
   * Throws `witness/box-invalid`, `witness/unknown`, `witness/repeated`, `meter/witness-busy`,
   * `node/overloaded`.
   */
  ask({ witness, box }: SealedRequest, from: string): Waiting<Hex> {
    const id = requestIdOf(box)
    const mailbox = this.#mailboxes.get(witness)
    if (mailbox === undefined || !this.#isReachable(mailbox)) throw new SpbError('witness/unknown')
    if (mailbox.asks.has(id)) throw new SpbError('witness/repeated')
    if (mailbox.asks.size >= witnessLimits.mailboxRequests) {
      throw new SpbError('meter/witness-busy', 'Too many meters ask this witness already.')
    }
    const own = this.#asksFrom.get(from) ?? 0
    if (this.#asks >= this.#limits.asks || own >= this.#limits.asksPerAddress) {
      throw new SpbError('node/overloaded', 'Too many meters wait for witnesses.')
    }
    const ask = { id, box, from, isFetched: false, answer: Promise.withResolvers<Hex>() }
    mailbox.asks.set(id, ask)
    this.#asks++
    this.#asksFrom.set(from, own + 1)
    if (mailbox.poll !== undefined) this.#endPoll(mailbox, this.#takeBoxes(mailbox))
    const giveUp = () => this.#refuse(mailbox, ask)
    return { outcome: ask.answer.promise, giveUp }
  }

  /** Passes an answer on. Throws `witness/unknown`, `witness/wrong-token`, `witness/not-asked`. */
  answer(meter: Address, token: Bytes32, { requestId, box }: SealedAnswer): void {
    const mailbox = this.#openMailbox(meter, token)
    mailbox.lastSeenMs = this.#parts.clock.nowMs()
    const ask = mailbox.asks.get(requestId)
    // What the witness was not given yet it cannot answer.
    if (ask === undefined || !ask.isFetched) throw new SpbError('witness/not-asked')
    this.#remove(mailbox, ask)
    ask.answer.resolve(box)
  }

  /** Ends all waits and forgets everything. */
  close(): void {
    for (const mailbox of [...this.#mailboxes.values()]) this.#forget(mailbox)
  }

  #rules() {
    const { market, readStanding } = this.#parts
    return { market, standing: readStanding(), nowSeconds: this.#nowSeconds() }
  }

  #nowSeconds(): Seconds {
    return seconds(Math.floor(this.#parts.clock.nowMs() / 1000))
  }

  #isOver({ post }: Mailbox): boolean {
    return post.notAfterSeconds < this.#nowSeconds()
  }

  #isReachable(mailbox: Mailbox): boolean {
    if (this.#isOver(mailbox)) return false
    if (mailbox.poll !== undefined) return true
    const awayMs = this.#parts.clock.nowMs() - mailbox.lastSeenMs
    return mailbox.hasFetched && awayMs <= this.#limits.reachableMs
  }

  #openMailbox(meter: Address, token: Bytes32): Mailbox {
    const mailbox = this.#mailboxes.get(meter)
    if (mailbox === undefined || this.#isOver(mailbox)) throw new SpbError('witness/unknown')
    if (bytesToHex(tokenHashOf(token)) !== mailbox.post.tokenHash) {
      throw new SpbError('witness/wrong-token')
    }
    return mailbox
  }

  #makeRoom(): void {
    const { clock } = this.#parts
    const { posts, absentMs } = this.#limits
    if (this.#mailboxes.size < posts) return
    for (const mailbox of [...this.#mailboxes.values()]) {
      const isAbsent = clock.nowMs() - mailbox.lastSeenMs > absentMs
      if (this.#isOver(mailbox) || (isAbsent && mailbox.poll === undefined)) this.#forget(mailbox)
    }
    if (this.#mailboxes.size >= posts) {
      throw new SpbError('node/overloaded', 'The node has as many witnesses as it keeps.')
    }
  }

  /** A witness that started anew can neither open what was sealed before nor use its old token. */
  #replace(mailbox: Mailbox, post: WitnessPost, manufacturer: Address): void {
    const isRestarted = post.sealingKey !== mailbox.post.sealingKey
    if (post.tokenHash !== mailbox.post.tokenHash) this.#endPoll(mailbox, [])
    if (isRestarted) for (const ask of [...mailbox.asks.values()]) this.#refuse(mailbox, ask)
    mailbox.post = post
    mailbox.manufacturer = manufacturer
  }

  #forget(mailbox: Mailbox): void {
    this.#endPoll(mailbox, [])
    for (const ask of [...mailbox.asks.values()]) this.#refuse(mailbox, ask)
    this.#mailboxes.delete(mailbox.post.certificate.meter)
  }

  #takeBoxes(mailbox: Mailbox): Hex[] {
    const waiting = [...mailbox.asks.values()].filter(({ isFetched }) => !isFetched)
    return waiting.map((ask) => {
      ask.isFetched = true
      return ask.box
    })
  }

  #endPoll(mailbox: Mailbox, boxes: Hex[]): void {
    const { poll } = mailbox
    if (poll === undefined) return
    mailbox.poll = undefined
    mailbox.lastSeenMs = this.#parts.clock.nowMs()
    this.#polls--
    poll.resolve(boxes)
  }

  #remove(mailbox: Mailbox, { id, from }: Ask): void {
    mailbox.asks.delete(id)
    this.#asks--
    const left = (this.#asksFrom.get(from) ?? 1) - 1
    if (left === 0) this.#asksFrom.delete(from)
    else this.#asksFrom.set(from, left)
  }

  #refuse(mailbox: Mailbox, ask: Ask): void {
    if (mailbox.asks.get(ask.id) !== ask) return
    this.#remove(mailbox, ask)
    ask.answer.reject(new SpbError('meter/witness-silent'))
  }
}
