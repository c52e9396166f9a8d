/** Items by due time: cheap to add, remove and take what is due. Times are whole seconds. */
export class TimeQueue<Item> {
  readonly #itemsAt = new Map<number, Set<Item>>()
  /** Binary min-heap of the times in `#itemsAt`; a time whose items all went is dropped later. */
  readonly #times: number[] = []

  add(timeSeconds: number, item: Item): void {
    const items = this.#itemsAt.get(timeSeconds)
    if (items !== undefined) {
      items.add(item)
      return
    }
    this.#itemsAt.set(timeSeconds, new Set([item]))
    this.#push(timeSeconds)
  }

  remove(timeSeconds: number, item: Item): void {
    this.#itemsAt.get(timeSeconds)?.delete(item)
  }

  /** Items due at or before a time, earliest first; they stay queued. */
  *due(nowSeconds: number): IterableIterator<Item> {
    const dueTimes = this.#times.filter((time) => time <= nowSeconds).sort((a, b) => a - b)
    for (const time of dueTimes) yield* this.#itemsAt.get(time) ?? []
  }

  /** Takes out all items due at or before a time, earliest first. */
  takeDue(nowSeconds: number): Item[] {
    const taken: Item[] = []
    while (this.#times.length > 0 && this.#times[0]! <= nowSeconds) {
      const time = this.#pop()
      taken.push(...(this.#itemsAt.get(time) ?? []))
      this.#itemsAt.delete(time)
    }
    return taken
  }

  #push(time: number): void {
    const heap = this.#times
    let at = heap.push(time) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (heap[parent]! <= time) break
      heap[at] = heap[parent]!
      at = parent
    }
    heap[at] = time
  }

  #pop(): number {
    const heap = this.#times
    const top = heap[0]!
    const last = heap.pop()!
    if (heap.length === 0) return top
    let at = 0
    while (true) {
      let child = 2 * at + 1
      if (child >= heap.length) break
      if (child + 1 < heap.length && heap[child + 1]! < heap[child]!) child++
      if (heap[child]! >= last) break
      heap[at] = heap[child]!
      at = child
    }
    heap[at] = last
    return top
  }
}
