/** Counts what a peer may ask for: so much at once, and so much more each second. */
export class SyncDeskBudget {
  readonly #perSecond: number
  readonly #most: number
  #left: number
  #atMs = 0

  constructor(perSecond: number, most: number) {
    this.#perSecond = perSecond
    this.#most = most
    this.#left = most
  }

  /** Takes one from the budget; false where nothing is left. */
  take(nowMs: number): boolean {
    const earned = (Math.max(0, nowMs - this.#atMs) * this.#perSecond) / 1000
    this.#left = Math.min(this.#most, this.#left + earned)
    this.#atMs = nowMs
    if (this.#left < 1) return false
    this.#left--
    return true
  }
}
