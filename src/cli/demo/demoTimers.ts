/** Timers in a time of their own: they run when that time is said to have come. */
export type DemoTimers = {
  nowMs(): number
  /** Runs a task after a delay unless the returned function is called before. */
  setTimer(delayMs: number, task: () => void): () => void
  /** Lets time pass up to a moment, and runs what is due by then once. */
  advance(toMs: number): void
}

/** Makes timers whose time begins at a moment. */
export function createDemoTimers(startMs: number): DemoTimers {
  let nowMs = startMs
  const waiting = new Set<{ dueMs: number; task: () => void }>()
  return {
    nowMs: () => nowMs,
    setTimer(delayMs, task) {
      const timer = { dueMs: nowMs + delayMs, task }
      waiting.add(timer)
      return () => void waiting.delete(timer)
    },
    advance(toMs) {
      nowMs = Math.max(nowMs, toMs)
      const due = [...waiting].filter(({ dueMs }) => dueMs <= nowMs)
      for (const timer of due.sort((a, b) => a.dueMs - b.dueMs)) {
        waiting.delete(timer)
        timer.task()
      }
    },
  }
}
