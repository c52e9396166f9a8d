/** Waits so long, or until the signal; never fails. Tests give one without time. */
export type Pause = (ms: number, signal: AbortSignal) => Promise<void>

/** Waits on the event loop's clock. */
export const pauseOnClock: Pause = (ms, signal) =>
  new Promise((resolve) => {
    if (signal.aborted) {
      resolve()
      return
    }
    const end = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', end)
      resolve()
    }
    const timer = setTimeout(end, ms)
    signal.addEventListener('abort', end)
  })
