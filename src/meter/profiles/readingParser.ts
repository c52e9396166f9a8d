/** Why a cell gives no reading. */
export type ReadingRefusal = 'empty-value' | 'not-a-number' | 'not-finite' | 'negative'

/** Turns a cell into a number of at least 0, or says why not. */
export type ReadingParser = (cell: string) => number | ReadingRefusal

const numberPattern = /^([+-]?)(\d+[.,]?\d*|[.,]\d+)(?:e[+-]?\d{1,3})?$/i
const notFinitePattern = /^[+-]?(?:nan|inf|infinity|∞)$/i

/**
 * Makes a parser for one column. The decimal mark is the point; where cells are not separated by
 * commas it may be the comma. The first cell that has a mark decides: a cell with the other mark
 * is not a number, so that 1,234 among 0.5s is never taken for 1.234.
 */
export function createReadingParser(delimiter: string): ReadingParser {
  let mark: string | undefined = delimiter === ',' ? '.' : undefined
  return (cell) => {
    if (cell === '') return 'empty-value'
    if (notFinitePattern.test(cell)) return 'not-finite'
    const match = numberPattern.exec(cell)
    if (!match) return 'not-a-number'
    const own = /[.,]/.exec(cell)?.[0]
    if (own !== undefined) {
      mark ??= own
      if (own !== mark) return 'not-a-number'
    }
    const value = Number(cell.replace(',', '.'))
    if (!Number.isFinite(value)) return 'not-finite'
    // Also -0, which is no energy rather than an error.
    return value < 0 ? 'negative' : Math.abs(value)
  }
}
