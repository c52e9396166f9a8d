import type { SkippedRows, SkipReason } from './profileSet.ts'

/** Counts what is not used, by file, reason and column. */
export type SkipLog = {
  /** Counts `count` rows (1 unless told) of which the first is in line `line`. */
  add(
    file: string,
    reason: SkipReason,
    line: number,
    more?: { column?: string; count?: number },
  ): void
  /** Everything so far, in the order in which it was first met. */
  list(): SkippedRows[]
}

/** Makes an empty count. */
export function createSkipLog(): SkipLog {
  const rows = new Map<string, SkippedRows>()
  return {
    add(file, reason, line, { column, count = 1 } = {}) {
      const key = JSON.stringify([file, reason, column])
      const row = rows.get(key)
      if (row) {
        row.count += count
        row.firstLine = Math.min(row.firstLine, line)
        return
      }
      const fresh = { file, reason, count, firstLine: line }
      rows.set(key, column === undefined ? fresh : { ...fresh, column })
    },
    list: () => [...rows.values()].map((row) => ({ ...row })),
  }
}

/** Says in words what was skipped in one file, for an error's message. */
export function describeSkipped(skipped: readonly SkippedRows[], file: string): string {
  return skipped
    .filter((row) => row.file === file)
    .map((row) => `${row.count} × ${row.reason} (first in line ${row.firstLine})`)
    .join(', ')
}
