/** When code runs again. A simulator decides it; production uses the event loop. */
export type Scheduler = {
  /** Runs a task soon, after what is going on now. */
  defer(task: () => void): void
  /** Runs a task every so often until the returned function is called. */
  every(periodMs: number, task: () => void): () => void
}
