import { trafficLimits } from './trafficLimits.ts'

/** How fast one peer's messages are taken: two buckets that fill up in two seconds. */
export class TrafficPace {
  readonly #nowMs: () => number
  #messages = 2 * trafficLimits.messagesPerSecond
  #bytes = 2 * trafficLimits.bytesPerSecond
  #atMs: number

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
    this.#atMs = nowMs()
  }

  /** Counts a message; tells how many milliseconds to wait before the next one, mostly 0. */
  take(bytes: number): number {
    const nowMs = this.#nowMs()
    const seconds = Math.max(0, nowMs - this.#atMs) / 1_000
    this.#atMs = nowMs
    const { messagesPerSecond, bytesPerSecond } = trafficLimits
    this.#messages = refill(this.#messages, seconds, messagesPerSecond) - 1
    this.#bytes = refill(this.#bytes, seconds, bytesPerSecond) - bytes
    const lackSeconds = Math.max(-this.#messages / messagesPerSecond, -this.#bytes / bytesPerSecond)
    return Math.max(0, Math.ceil(lackSeconds * 1_000))
  }
}

function refill(tokens: number, seconds: number, perSecond: number): number {
  return Math.min(2 * perSecond, tokens + seconds * perSecond)
}
