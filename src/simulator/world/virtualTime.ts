import type { Scheduler } from '../../ports/scheduler.ts'

type Task = { atMs: number; order: number; run: () => void }

/**
 * Time that passes only when the world says so. Tasks of one moment run in the order in which
 * they were scheduled; what promises they settle is done before the next one.
 */
export class VirtualTime {
  #nowMs: number
  #order = 0
  /** A binary heap. */
  readonly #tasks: Task[] = []

  constructor(startMs: number) {
    this.#nowMs = startMs
  }

  nowMs(): number {
    return this.#nowMs
  }

  schedule(delayMs: number, run: () => void): void {
    this.#add({
      atMs: this.#nowMs + Math.max(0, Math.round(delayMs)),
      order: this.#order++,
      run,
    })
  }

  /** Runs everything up to a moment, or until `isOver`. */
  async runUntil(endMs: number, isOver: () => boolean = () => false): Promise<void> {
    for (let next = this.#tasks[0]; next !== undefined && next.atMs <= endMs; ) {
      this.#removeFirst()
      this.#nowMs = next.atMs
      next.run()
      // Immediates run when no promise is left that could go on.
      await new Promise<void>((resolve) => setImmediate(resolve))
      if (isOver()) return
      next = this.#tasks[0]
    }
    this.#nowMs = Math.max(this.#nowMs, endMs)
  }

  /** The scheduler of something that may die: then its tasks are not run any more. */
  schedulerOf(isAlive: () => boolean): Scheduler {
    const schedule = (delayMs: number, task: () => void) =>
      this.schedule(delayMs, () => {
        if (isAlive()) task()
      })
    return {
      defer: (task) => schedule(0, task),
      every: (periodMs, task) => {
        let isStopped = false
        const again = () => {
          if (isStopped) return
          schedule(periodMs, again)
          task()
        }
        schedule(periodMs, again)
        return () => {
          isStopped = true
        }
      },
    }
  }

  #add(task: Task): void {
    const tasks = this.#tasks
    let at = tasks.push(task) - 1
    while (at > 0) {
      const parent = (at - 1) >> 1
      if (isBefore(tasks[parent]!, task)) break
      tasks[at] = tasks[parent]!
      at = parent
    }
    tasks[at] = task
  }

  #removeFirst(): void {
    const tasks = this.#tasks
    const last = tasks.pop()!
    if (tasks.length === 0) return
    let at = 0
    for (;;) {
      let child = 2 * at + 1
      if (child >= tasks.length) break
      if (child + 1 < tasks.length && isBefore(tasks[child + 1]!, tasks[child]!)) child++
      if (isBefore(last, tasks[child]!)) break
      tasks[at] = tasks[child]!
      at = child
    }
    tasks[at] = last
  }
}

function isBefore(one: Task, other: Task): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.order < other.order)
}
