import { createHash } from 'node:crypto'

/** Lines that are kept for whoever has to find out what went wrong. */
const keptLines = 400

/** What happened in a world: two runs of one seed write the same lines, hence the same hash. */
export class RunLog {
  readonly #hash = createHash('sha256')
  readonly #nowMs: () => number
  readonly #onLine: ((line: string) => void) | undefined
  #tail: string[] = []
  #count = 0

  constructor(nowMs: () => number, onLine?: (line: string) => void) {
    this.#nowMs = nowMs
    this.#onLine = onLine
  }

  get count(): number {
    return this.#count
  }

  /** Writes a line down; parts are joined by spaces. */
  write(...parts: (string | number | bigint)[]): void {
    const line = `${this.#nowMs()} ${parts.join(' ')}`
    this.#hash.update(line).update('\n')
    this.#count++
    this.#onLine?.(line)
    this.#tail.push(line)
    if (this.#tail.length > 2 * keptLines) this.#tail = this.#tail.slice(-keptLines)
  }

  /** The newest lines. */
  tail(count = keptLines): string[] {
    return this.#tail.slice(-count)
  }

  /** Of all lines so far. */
  digest(): string {
    return this.#hash.copy().digest('hex')
  }
}
