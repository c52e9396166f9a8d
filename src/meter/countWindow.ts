/** Counts in windows of fixed length: a bound on how often something happens. */
export class CountWindow {
  readonly #lengthMs: number
  readonly #most: number
  #endMs = Number.NEGATIVE_INFINITY
  #counts = new Map<string, number>()

  /** At most `most` of each name in `lengthMs`. */
  constructor(most: number, lengthMs: number) {
    this.#most = most
    this.#lengthMs = lengthMs
  }

  /** How many names are known in this window. */
  get size(): number {
    return this.#counts.size
  }

  /** True where one more of this name is allowed now; changes nothing. */
  hasRoom(name: string, nowMs: number): boolean {
    this.#turn(nowMs)
    return (this.#counts.get(name) ?? 0) < this.#most
  }

  /** Counts one of a name. */
  add(name: string, nowMs: number): void {
    this.#turn(nowMs)
    this.#counts.set(name, (this.#counts.get(name) ?? 0) + 1)
  }

  #turn(nowMs: number): void {
    // A clock that was set back must not keep a full window for longer than its length.
    if (nowMs < this.#endMs && nowMs >= this.#endMs - this.#lengthMs) return
    this.#endMs = nowMs + this.#lengthMs
    this.#counts = new Map()
  }
}
