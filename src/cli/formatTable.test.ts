import { describe, expect, it } from 'vitest'
import { formatFacts, formatTable } from './formatTable.ts'
import { createPalette, type Palette } from './palette.ts'

const stream = (isTTY: boolean) => ({ isTTY }) as unknown as NodeJS.WriteStream
const plain: Palette = createPalette(stream(false), {})

describe('a table', () => {
  it('has its columns below each other, and no lines', () => {
    const columns = [{ head: 'CTP', align: 'right' }, { head: 'state' }] as const
    expect(
      formatTable(
        columns,
        [
          ['9', 'held'],
          ['10', 'settled'],
        ],
        plain,
      ),
    ).toBe('CTP  state\n  9  held\n 10  settled')
  })
})

describe('facts', () => {
  it('stand below each other', () => {
    expect(
      formatFacts(
        [
          ['id', '1'],
          ['expiry', 'soon'],
        ],
        plain,
      ),
    ).toBe('id      1\nexpiry  soon')
  })
})

describe('colours', () => {
  it('are for a terminal, unless NO_COLOR is set', () => {
    expect(createPalette(stream(true), {}).red('x')).toBe('\u001b[31mx\u001b[39m')
    expect(createPalette(stream(true), { NO_COLOR: '1' }).red('x')).toBe('x')
    expect(createPalette(stream(true), { NO_COLOR: '' }).red('x')).not.toBe('x')
    expect(plain.red('x')).toBe('x')
  })
})
