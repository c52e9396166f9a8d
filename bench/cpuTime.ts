/** Adds up the processor time of this process, all its threads, while work is counted. */
export class CpuTime {
  #micros = 0

  /** Processor seconds of all work that was counted. */
  get seconds(): number {
    return this.#micros / 1e6
  }

  /** Counts work that ends at once. */
  count<Result>(work: () => Result): Result {
    const start = process.cpuUsage()
    try {
      return work()
    } finally {
      this.#add(start)
    }
  }

  /** Counts work that ends later, with all that the process does meanwhile. */
  async countAsync<Result>(work: () => Promise<Result>): Promise<Result> {
    const start = process.cpuUsage()
    try {
      return await work()
    } finally {
      this.#add(start)
    }
  }

  #add(start: NodeJS.CpuUsage): void {
    const { user, system } = process.cpuUsage(start)
    this.#micros += user + system
  }
}

/** The value below which so much of all lies, `part` from 0 to 1. */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((a, b) => a - b)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))]!
}
