import { describe, expect, it } from 'vitest'
import { parseJsonPath, readJsonPath } from './jsonPath.ts'

const document = { a: { 'b-c': [10, { x: 'y' }] }, 'em:0': { t: 1.5 }, n: null, e: { '': 7 } }

describe('parseJsonPath', () => {
  it.each([
    ['$', document],
    ['$.a.b-c[0]', 10],
    ['$.a["b-c"][1].x', 'y'],
    ["$['em:0'].t", 1.5],
    ['$.em:0.t', 1.5],
    ["$.e['']", 7],
    ['$.n', null],
    ['$.a.b-c[2]', undefined],
    ['$.a[0]', undefined],
    ['$.a.b-c.length', undefined],
    ['$.n.x', undefined],
    ['$.a.toString', undefined],
    ['$.__proto__.x', undefined],
    ["$['em:0'].t.x", undefined],
  ])('%s finds %j', (text, value) => {
    expect(readJsonPath(parseJsonPath(text, 'import'), document)).toEqual(value)
  })

  it.each([
    '',
    'a',
    '$a',
    '$.',
    '$..a',
    '$.a b',
    '$[',
    '$[-1]',
    '$[1e3]',
    '$[123456]',
    "$['a",
    '$[*]',
    '$.a[',
    `$${'.a'.repeat(17)}`,
    `$.${'a'.repeat(256)}`,
  ])('refuses %j', (text) => {
    expect(() => parseJsonPath(text, 'import')).toThrow(
      expect.objectContaining({ code: 'source/option' }),
    )
  })

  it('takes 16 steps', () => {
    expect(parseJsonPath(`$${'.a'.repeat(16)}`, 'import')).toHaveLength(16)
  })
})
