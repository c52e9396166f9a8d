import type { Clock } from '../../ports/clock.ts'
import type { Scheduler } from '../../ports/scheduler.ts'

/**
 * The time at the program's start, and how long it runs: nobody who sets the computer's clock can
 * make a node wait an hour before it settles.
 */
export const systemClock: Clock = { nowMs: () => performance.timeOrigin + performance.now() }

/** The event loop: deferred tasks run after input and output that is ready. */
export const eventLoopScheduler: Scheduler = {
  defer: (task) => void setImmediate(task),
  every(periodMs, task) {
    const timer = setInterval(task, periodMs)
    return () => clearInterval(timer)
  },
}
