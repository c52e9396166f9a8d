import { describe, expect, test } from 'vitest'
import { readCsvTable } from './csvTable.ts'
import { profileLimits } from './profileLimits.ts'
import { createSkipLog } from './skipLog.ts'

function read(text: string) {
  const log = createSkipLog()
  const table = readCsvTable(text, 'x.csv', log)
  const rows: [number, string[]][] = []
  table.forEachRow((cells, line) => rows.push([line, cells]))
  return { header: table.header, rows, skipped: log.list() }
}

const skippedOnce = (reason: string, line: number) => [
  { file: 'x.csv', reason, count: 1, firstLine: line },
]

describe('a CSV file is read', () => {
  const expected = {
    header: ['t', 'v'],
    rows: [
      [2, ['1', '2.5']],
      [3, ['3', '4']],
    ],
    skipped: [],
  }
  test.each([
    ['plain', 't,v\n1,2.5\n3,4\n'],
    ['without a last line end', 't,v\n1,2.5\n3,4'],
    ['with byte order mark and CRLF', '\ufefft,v\r\n1,2.5\r\n3,4\r\n'],
    ['with CR alone', 't,v\r1,2.5\r3,4\r'],
    ['with semicolons', 't;v\n1;2.5\n3;4\n'],
    ['with tabs', 't\tv\n1\t2.5\n3\t4\n'],
    ['with quotes', '"t","v"\n"1","2.5"\n"3",4\n'],
    ['with blanks around cells', 't, v\n 1 , "2.5" \n3 ,4\n'],
    ['with a separator at each end', 't,v\n1,2.5,\n3,4,,\n'],
  ])('%s', (_, text) => {
    expect(read(text)).toEqual(expected)
  })

  test('with a separator and doubled quotes inside quotes', () => {
    expect(read('t,"a ""b"", c"\n1,"x,""y"\n')).toMatchObject({
      header: ['t', 'a "b", c'],
      rows: [[2, ['1', 'x,"y']]],
    })
  })

  test('with an empty first cell between tabs', () => {
    expect(read('t\tv\n\t2\n').rows).toEqual([[2, ['', '2']]])
  })
})

describe('a bad line costs only itself', () => {
  test.each([
    ['empty-line', 't,v\n1,2\n\n3,4\n', 3],
    ['empty-line', 't,v\n1,2\n  \t\n3,4\n', 3],
    ['bad-quotes', 't,v\n1,2\n5,"6\n3,4\n', 3],
    ['bad-quotes', 't,v\n1,2\n5,"6"x\n3,4\n', 3],
    ['bad-quotes', 't,v\n1,2\n5"x,"6\n3,4\n', 3],
    ['wrong-cells', 't,v\n1,2\n5\n3,4\n', 3],
    ['wrong-cells', 't,v\n1,2\n5,1,234\n3,4\n', 3],
    ['line-too-long', `t,v\n1,2\n5,${'6'.repeat(profileLimits.lineLength)}\n3,4\n`, 3],
  ])('%s', (reason, text, line) => {
    const { rows, skipped } = read(text)
    expect(rows).toEqual([
      [2, ['1', '2']],
      [4, ['3', '4']],
    ])
    expect(skipped).toEqual(skippedOnce(reason, line))
  })
})

test('a file without a line is refused', () => {
  expect(() => read('')).toThrow(expect.objectContaining({ code: 'profile/no-rows' }))
  expect(() => read('\n\n')).toThrow(expect.objectContaining({ code: 'profile/no-rows' }))
})

test('a header with an open quote is refused', () => {
  expect(() => read('"t,v\n1,2\n')).toThrow(expect.objectContaining({ code: 'profile/no-column' }))
})

test('too many lines are refused', () => {
  const text = `t,v\n${'\n'.repeat(profileLimits.rowsPerFile)}`
  expect(() => read(text)).toThrow(expect.objectContaining({ code: 'input/too-large' }))
})
