import type { Clock } from '../../ports/clock.ts'
import type { Scheduler } from '../../ports/scheduler.ts'

/** The computer's clock. */
export const systemClock: Clock = { nowMs: () => Date.now() }

/** The event loop: deferred tasks run after input and output that is ready. */
export const eventLoopScheduler: Scheduler = {
  defer: (task) => void setImmediate(task),
  every(periodMs, task) {
    const timer = setInterval(task, periodMs)
    return () => clearInterval(timer)
  },
}
