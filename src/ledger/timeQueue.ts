/** Items by due time, walked in order of time. Times are whole seconds. */
export class TimeQueue<Item> {
  readonly #itemsAt = new Map<number, Set<Item>>()
  /** The times in `#itemsAt`, ascending. New ones mostly belong at the end, where it is cheap. */
  readonly #times: number[] = []
  #size = 0

  /** How many items are queued. */
  get size(): number {
    return this.#size
  }

  add(timeSeconds: number, item: Item): void {
    const items = this.#itemsAt.get(timeSeconds)
    if (items === undefined) {
      this.#itemsAt.set(timeSeconds, new Set([item]))
      this.#times.splice(this.#findPlace(timeSeconds), 0, timeSeconds)
      this.#size++
    } else if (!items.has(item)) {
      items.add(item)
      this.#size++
    }
  }

  /** Takes an item out; one that is not there is no error. */
  remove(timeSeconds: number, item: Item): void {
    const items = this.#itemsAt.get(timeSeconds)
    if (items === undefined || !items.delete(item)) return
    this.#size--
    if (items.size > 0) return
    this.#itemsAt.delete(timeSeconds)
    this.#times.splice(this.#findPlace(timeSeconds), 1)
  }

  /** Items due at or before a time, earliest first; the queue must not change meanwhile. */
  *due(nowSeconds: number): IterableIterator<Item> {
    for (const time of this.#times) {
      if (time > nowSeconds) return
      yield* this.#itemsAt.get(time)!
    }
  }

  /** Index of the first time that is not below the given one. */
  #findPlace(timeSeconds: number): number {
    let low = 0
    let high = this.#times.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (this.#times[middle]! < timeSeconds) low = middle + 1
      else high = middle
    }
    return low
  }
}
