/** Parts of a program that have to end in the reverse order of their start. */
export type ClosingStack = {
  /** Adds a part that was started. */
  push(close: () => void | Promise<void>): void
  /** Ends all parts, the last one first; one that fails does not keep the others from ending. */
  close(): Promise<void>
}

/** Makes an empty stack. Its `close` throws the first failure, when all has ended. */
export function createClosingStack(): ClosingStack {
  const parts: (() => void | Promise<void>)[] = []
  return {
    push: (close) => void parts.push(close),
    async close() {
      const failures: unknown[] = []
      for (let part = parts.pop(); part !== undefined; part = parts.pop()) {
        try {
          await part()
        } catch (error) {
          failures.push(error)
        }
      }
      if (failures.length > 0) throw failures[0]
    },
  }
}
