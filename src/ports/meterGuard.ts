/**
 * Remembers, apart from a meter's state, which saving of it was the last, so that a state that was
 * put back from a copy is found out.
 *
 * Each saving has a generation, one more than the one before. `announce` comes before the state
 * is put in place; `confirm` after it is durable, and before anything leaves the meter that depends
 * on it. Both return once what they note would survive power loss. All throw the system's own
 * errors.
 *
 * A counter that never goes back, as secure elements have, needs no more than its number:
 * `lastGeneration` is the counter, `isLast` is true where it is at the generation or one before
 * it, `confirm` raises it, `announce` does nothing. It even tells where a whole disk was put back,
 * which no guard can that lies on that disk.
 */
export type MeterGuard = {
  /** The highest generation that was confirmed; 0 before any. */
  lastGeneration(): number
  /** True where no later generation than the state's own was ever confirmed. */
  isLast(generation: number): boolean
  announce(generation: number): void
  confirm(generation: number): void
}
