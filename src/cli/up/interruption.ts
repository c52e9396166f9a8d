/** A wish to end: resolves at the first SIGINT, SIGTERM or SIGHUP. */
export type Interruption = { wanted: Promise<NodeJS.Signals>; dispose(): void }

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const
/** A terminal and a parent may both hand on one and the same Ctrl-C. */
const sameWishMs = 2_000

/**
 * Listens for the wish to end. A second signal that comes clearly later ends the process at once:
 * what a node has said is on disk.
 */
export function listenForInterruption(nowMs: () => number, onImpatience: () => void): Interruption {
  let firstMs: number | undefined
  let handle: (signal: NodeJS.Signals) => void = () => undefined
  const wanted = new Promise<NodeJS.Signals>((resolve) => {
    handle = (signal) => {
      if (firstMs === undefined) {
        firstMs = nowMs()
        resolve(signal)
      } else if (nowMs() - firstMs > sameWishMs) {
        onImpatience()
      }
    }
  })
  for (const signal of signals) process.on(signal, handle)
  return {
    wanted,
    dispose() {
      for (const signal of signals) process.off(signal, handle)
    },
  }
}
