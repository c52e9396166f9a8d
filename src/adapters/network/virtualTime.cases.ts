/** Time that goes on only when it is told to. */
export type VirtualTime = {
  nowMs(): number
  schedule(delayMs: number, task: () => void): void
  /** Lets time pass until a condition holds; throws where nothing is left that could bring it. */
  until(condition: () => boolean): Promise<void>
  /** Lets a span pass. */
  pass(spanMs: number): Promise<void>
}

/** Makes a time that starts at 0; tasks of one time run in the order in which they were given. */
export function createVirtualTime(): VirtualTime {
  const tasks: { atMs: number; task: () => void }[] = []
  let nowMs = 0
  const letPromisesRun = () => new Promise((resolve) => setImmediate(resolve))

  function runNext(untilMs: number): boolean {
    const next = tasks.toSorted((a, b) => a.atMs - b.atMs)[0]
    if (next === undefined || next.atMs > untilMs) return false
    tasks.splice(tasks.indexOf(next), 1)
    nowMs = Math.max(nowMs, next.atMs)
    next.task()
    return true
  }

  return {
    nowMs: () => nowMs,
    schedule: (delayMs, task) => void tasks.push({ atMs: nowMs + delayMs, task }),
    async until(condition) {
      for (;;) {
        await letPromisesRun()
        if (condition()) return
        if (!runNext(Number.POSITIVE_INFINITY)) throw new Error('Nothing more will happen.')
      }
    },
    async pass(spanMs) {
      const endMs = nowMs + spanMs
      do await letPromisesRun()
      while (runNext(endMs))
      nowMs = endMs
    },
  }
}
