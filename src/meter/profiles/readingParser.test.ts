import { describe, expect, test } from 'vitest'
import { createReadingParser } from './readingParser.ts'

describe('readings', () => {
  test.each([
    ['159', 159],
    ['0.25', 0.25],
    ['.5', 0.5],
    ['5.', 5],
    ['+3', 3],
    ['1e3', 1000],
    ['2.5E-3', 0.0025],
    ['-0', 0],
    ['-0.0', 0],
    ['', 'empty-value'],
    ['-1', 'negative'],
    ['-0.001', 'negative'],
    ['NaN', 'not-finite'],
    ['nan', 'not-finite'],
    ['Infinity', 'not-finite'],
    ['-inf', 'not-finite'],
    ['1e999', 'not-finite'],
    ['n/a', 'not-a-number'],
    ['12W', 'not-a-number'],
    ['0x10', 'not-a-number'],
    ['1 000', 'not-a-number'],
    ['1.2.3', 'not-a-number'],
    ['1,5', 'not-a-number'],
  ])('%j between commas is %s', (cell, expected) => {
    expect(createReadingParser(',')(cell)).toBe(expected)
  })

  test('the comma is a decimal mark between semicolons', () => {
    const parse = createReadingParser(';')
    expect(['7', '2,5', '0,125', '-1,5'].map(parse)).toEqual([7, 2.5, 0.125, 'negative'])
  })

  test.each([
    ['0.5', '1,234'],
    ['0,5', '1.234'],
    ['7,5', '1.234,5'],
  ])('after %s, %s is not a number', (first, other) => {
    const parse = createReadingParser(';')
    expect(parse(first)).toBeTypeOf('number')
    expect(parse(other)).toBe('not-a-number')
  })
})
