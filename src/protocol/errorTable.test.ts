import { describe, expect, it } from 'vitest'
import type { ErrorRow } from './errorRow.ts'
import { errorTable, isErrorCode } from './errorTable.ts'

const rows = Object.entries<ErrorRow>(errorTable)

describe.each(rows)('error %s', (code, row) => {
  it('has a code of family and name', () => {
    expect(code).toMatch(/^[a-z]+\/[a-z]+(-[a-z]+)*$/)
  })

  it('has a sentence and a hint', () => {
    expect(row.message).toMatch(/^[A-Z].{10,118}\.$/)
    expect(row.hint).toMatch(/^[A-Z].{4,118}[.]$|^[A-Z].*: [a-z./].*$/)
  })

  it('has a documented exit code and a fitting HTTP status', () => {
    const statuses: Record<number, number[]> = {
      1: [500],
      2: [400, 408, 413, 415, 421],
      3: [403, 409],
      4: [404],
      5: [429, 500, 502, 503],
    }
    expect(Object.keys(statuses)).toContain(String(row.exit))
    expect(statuses[row.exit]).toContain(row.http)
  })

  it('is retryable only where waiting can help', () => {
    if (row.isRetryable) expect([409, 429, 503]).toContain(row.http)
    if ([429, 503].includes(row.http)) expect(row.isRetryable).toBe(true)
  })
})

describe('errorTable', () => {
  it('says something different for each code', () => {
    expect(new Set(rows.map(([, row]) => row.message)).size).toBe(rows.length)
  })
})

describe('isErrorCode', () => {
  it('is true for codes only', () => {
    expect(rows.map(([code]) => isErrorCode(code))).not.toContain(false)
    const others = ['', 'input', 'toString', '__proto__', 'constructor', 7, null, undefined, {}]
    expect(others.map(isErrorCode)).not.toContain(true)
  })
})
