import fc from 'fast-check'
import { expect } from 'vitest'
import { bytesToHex, compareBytes, type Hex, hexToBytes } from '../protocol/bytes.ts'
import type { Change, Entry, KeyRange, Store } from './store.ts'

/** How the cases get at one adapter's stores. */
export type StoreHarness = {
  /** A new, empty store. */
  open(): Store
  /** The same store as a later process finds it; closed before. */
  reopen(store: Store): Store
}

/** What every `Store` must do, whatever it is made of. */
export const storeCases: readonly { name: string; run(harness: StoreHarness): void }[] = [
  { name: 'is empty at first', run: isEmptyAtFirst },
  { name: 'keeps, replaces and deletes values', run: keepsValues },
  { name: 'applies the changes of a commit in order', run: appliesInOrder },
  { name: 'takes nothing of a commit that has a bad change', run: takesAllOrNothing },
  { name: 'sorts keys by their bytes, shorter first', run: sortsKeys },
  { name: 'gives the entries of a range, either way round', run: givesRanges },
  { name: 'keeps buckets apart', run: keepsBucketsApart },
  { name: 'keeps empty, long and binary keys and values', run: keepsOddBytes },
  { name: 'refuses keys and values over the limits', run: refusesTooLong },
  { name: 'keeps nothing that its caller changes later', run: copiesBytes },
  { name: 'lets iterations nest and end early', run: nestsIterations },
  { name: 'crashes an iteration that a commit overtook', run: stopsOvertaken },
  { name: 'iterates over many entries in order', run: iteratesMany },
  { name: 'keeps what was committed over a restart', run: keepsOverRestart },
  { name: 'does no work once closed', run: refusesWhenClosed },
  { name: 'behaves like a sorted map', run: behavesLikeModel },
]

const bytes = (...values: number[]) => Uint8Array.from(values)
const put = (bucket: number, key: Uint8Array, value: Uint8Array): Change => ({ bucket, key, value })
const drop = (bucket: number, key: Uint8Array): Change => ({ bucket, key, value: undefined })
const numberKey = (value: number) => bytes(value >> 16, value >> 8, value)

function keysOf(store: Store, bucket: number, range?: KeyRange): Hex[] {
  return Array.from(store.entries(bucket, range), ({ key }) => bytesToHex(key))
}

function isEmptyAtFirst({ open }: StoreHarness): void {
  const store = open()
  expect(store.get(0, bytes(1))).toBeUndefined()
  expect(store.count(0)).toBe(0)
  expect([...store.entries(0)]).toEqual([])
  expect([...store.entries(0, { isReversed: true })]).toEqual([])
  store.commit([])
  store.commit([drop(0, bytes(1))])
  store.sync()
  expect(store.count(0)).toBe(0)
}

function keepsValues({ open }: StoreHarness): void {
  const store = open()
  for (const isCounted of [false, true]) {
    if (isCounted) expect(store.count(3)).toBe(0)
    store.commit([put(3, bytes(1), bytes(10)), put(3, bytes(2), bytes(20))])
    expect(store.get(3, bytes(1))).toEqual(bytes(10))
    store.commit([put(3, bytes(1), bytes(11, 12)), drop(3, bytes(2)), drop(3, bytes(9))])
    expect(store.get(3, bytes(1))).toEqual(bytes(11, 12))
    expect(store.get(3, bytes(2))).toBeUndefined()
    expect(store.count(3)).toBe(1)
    store.commit([drop(3, bytes(1))])
    expect(store.count(3)).toBe(0)
  }
}

function appliesInOrder({ open }: StoreHarness): void {
  const store = open()
  expect(store.count(0)).toBe(0)
  store.commit([put(0, bytes(1), bytes(1)), drop(0, bytes(1)), put(0, bytes(1), bytes(2))])
  expect(store.get(0, bytes(1))).toEqual(bytes(2))
  expect(store.count(0)).toBe(1)
  store.commit([put(0, bytes(2), bytes(1)), put(0, bytes(2), bytes(2)), drop(0, bytes(2))])
  expect(keysOf(store, 0)).toEqual(['0x01'])
  expect(store.count(0)).toBe(1)
}

function takesAllOrNothing({ open }: StoreHarness): void {
  const store = open()
  const good = put(0, bytes(1), bytes(1))
  const bad: unknown[] = [
    put(-1, bytes(2), bytes(2)),
    put(1.5, bytes(2), bytes(2)),
    put(65_536, bytes(2), bytes(2)),
    { bucket: 0, key: '02', value: bytes(2) },
    { bucket: 0, key: bytes(2), value: null },
    { bucket: 0, key: bytes(2), value: [2] },
  ]
  for (const change of bad) {
    expect(() => store.commit([good, change as Change])).toThrow('Invariant broken')
    expect(store.count(0)).toBe(0)
    expect(store.get(0, bytes(1))).toBeUndefined()
  }
  expect(() => store.get(-1, bytes(2))).toThrow('Invariant broken')
  expect(() => store.count(0.5)).toThrow('Invariant broken')
  expect(() => [...store.entries(65_536)]).toThrow('Invariant broken')
  store.commit([good])
  expect(store.count(0)).toBe(1)
}

const sortedKeys: Hex[] = [
  '0x',
  '0x00',
  '0x0000',
  '0x01',
  '0x0100',
  '0x7f',
  '0x80',
  '0xff',
  '0xffff',
]

function fillSorted(store: Store): void {
  // 7 has no factor in common with 9: an order that is neither up nor down.
  const shuffled = sortedKeys.map((_, index) => sortedKeys[(index * 7 + 3) % sortedKeys.length]!)
  store.commit(shuffled.map((key) => put(0, hexToBytes(key), hexToBytes(key))))
}

function sortsKeys({ open }: StoreHarness): void {
  const store = open()
  fillSorted(store)
  expect(keysOf(store, 0)).toEqual(sortedKeys)
  expect(keysOf(store, 0, { isReversed: true })).toEqual(sortedKeys.toReversed())
}

function givesRanges({ open }: StoreHarness): void {
  const store = open()
  fillSorted(store)
  const bounds: (Hex | undefined)[] = [undefined, ...sortedKeys, '0x0001', '0xfe', '0xffffff']
  for (const from of bounds) {
    for (const to of bounds) {
      const range: KeyRange = {}
      if (from !== undefined) range.from = hexToBytes(from)
      if (to !== undefined) range.to = hexToBytes(to)
      const expected = sortedKeys.filter(
        (key) => (from === undefined || key >= from) && (to === undefined || key < to),
      )
      expect(keysOf(store, 0, range)).toEqual(expected)
      expect(keysOf(store, 0, { ...range, isReversed: true })).toEqual(expected.toReversed())
    }
  }
}

function keepsBucketsApart({ open }: StoreHarness): void {
  const store = open()
  for (const bucket of [0, 1, 65_535]) store.commit([put(bucket, bytes(1), bytes(bucket & 0xff))])
  store.commit([drop(1, bytes(1))])
  expect(store.get(0, bytes(1))).toEqual(bytes(0))
  expect(store.get(1, bytes(1))).toBeUndefined()
  expect(keysOf(store, 65_535)).toEqual(['0x01'])
  expect([store.count(0), store.count(1), store.count(65_535)]).toEqual([1, 0, 1])
}

function keepsOddBytes({ open, reopen }: StoreHarness): void {
  const store = open()
  const large = Uint8Array.from({ length: 1_048_576 }, (_, index) => index * 31)
  const longest = new Uint8Array(1024).fill(0xff)
  const odd = [
    put(0, new Uint8Array(0), bytes(1)),
    put(0, bytes(0), new Uint8Array(0)),
    put(0, longest, large),
    put(0, new TextEncoder().encode('ключ'), bytes(0)),
    put(0, new Uint8Array(32).fill(0xff), new Uint8Array(32)),
  ]
  store.commit(odd)
  store.close()
  const later = reopen(store)
  for (const { key, value } of odd) expect(later.get(0, key)).toEqual(value)
  expect(later.count(0)).toBe(odd.length)
}

function refusesTooLong({ open }: StoreHarness): void {
  const store = open()
  const longKey = put(0, new Uint8Array(1025), bytes(1))
  const longValue = put(0, bytes(1), new Uint8Array(1_048_577))
  expect(() => store.commit([longKey])).toThrow('Invariant broken')
  expect(() => store.commit([longValue])).toThrow('Invariant broken')
  expect(store.count(0)).toBe(0)
}

function copiesBytes({ open }: StoreHarness): void {
  const store = open()
  const whole = bytes(9, 1, 2, 9)
  store.commit([put(0, whole.subarray(1, 2), whole.subarray(2, 3))])
  whole.fill(7)
  expect([...store.entries(0)]).toEqual([{ key: bytes(1), value: bytes(2) }])
}

function nestsIterations({ open }: StoreHarness): void {
  const store = open()
  store.commit(Array.from({ length: 100 }, (_, index) => put(0, numberKey(index), bytes(index))))
  const pairs: number[] = []
  for (const outer of store.entries(0)) {
    for (const inner of store.entries(0, { from: outer.key, isReversed: true })) {
      pairs.push(outer.value[0]! * 100 + inner.value[0]!)
      if (pairs.length % 3 === 0) break
    }
    if (pairs.length > 50) break
  }
  expect(pairs.slice(0, 4)).toEqual([99, 98, 97, 199])
  const [newest] = store.entries(0, { isReversed: true })
  expect(newest?.key).toEqual(numberKey(99))
  store.commit([put(0, numberKey(100), bytes(100))])
  expect(keysOf(store, 0)).toHaveLength(101)
}

function stopsOvertaken({ open }: StoreHarness): void {
  const store = open()
  store.commit([put(0, bytes(1), bytes(1)), put(0, bytes(2), bytes(2))])
  const overtaken = store.entries(0)
  expect(overtaken.next().value).toEqual({ key: bytes(1), value: bytes(1) })
  store.commit([drop(0, bytes(2))])
  expect(() => overtaken.next()).toThrow('Invariant broken')
  expect(keysOf(store, 0)).toEqual(['0x01'])
}

function iteratesMany({ open }: StoreHarness): void {
  const store = open()
  const count = 5000
  const order = Array.from({ length: count }, (_, index) => (index * 1237) % count)
  for (let at = 0; at < count; at += 100) {
    store.commit(order.slice(at, at + 100).map((n) => put(0, numberKey(n), numberKey(n))))
  }
  const isKept = (n: number) => n % 3 !== 0
  store.commit(order.filter((n) => !isKept(n)).map((n) => drop(0, numberKey(n))))
  const expected = Array.from({ length: count }, (_, n) => n).filter(isKept)
  const numbers = (range: KeyRange) =>
    Array.from(store.entries(0, range), ({ value: [a, b, c] }) => (a! << 16) | (b! << 8) | c!)
  expect(numbers({})).toEqual(expected)
  expect(numbers({ isReversed: true })).toEqual(expected.toReversed())
  const middle = { from: numberKey(1000), to: numberKey(4000) }
  expect(numbers(middle)).toEqual(expected.filter((n) => n >= 1000 && n < 4000))
  expect(store.count(0)).toBe(expected.length)
}

function keepsOverRestart({ open, reopen }: StoreHarness): void {
  const first = open()
  first.commit([put(0, bytes(1), bytes(1)), put(0, bytes(2), bytes(2))])
  first.sync()
  first.commit([drop(0, bytes(2)), put(7, bytes(3), bytes(3))])
  first.close()
  const second = reopen(first)
  expect(keysOf(second, 0)).toEqual(['0x01'])
  expect(second.get(7, bytes(3))).toEqual(bytes(3))
  second.commit([put(0, bytes(4), bytes(4))])
  second.close()
  expect(keysOf(reopen(second), 0)).toEqual(['0x01', '0x04'])
}

function refusesWhenClosed({ open }: StoreHarness): void {
  const store = open()
  store.commit([put(0, bytes(1), bytes(1)), put(0, bytes(2), bytes(2))])
  const iteration = store.entries(0)
  iteration.next()
  store.close()
  store.close()
  expect(() => iteration.next()).toThrow('Invariant broken')
  expect(() => store.get(0, bytes(1))).toThrow('Invariant broken')
  expect(() => store.commit([])).toThrow('Invariant broken')
  expect(() => [...store.entries(0)]).toThrow('Invariant broken')
  expect(() => store.count(0)).toThrow('Invariant broken')
  expect(() => store.sync()).toThrow('Invariant broken')
}

const modelKey = fc.oneof(
  fc.uint8Array({ maxLength: 2, max: 3 }),
  fc.uint8Array({ maxLength: 3 }),
  fc.constantFrom(new Uint8Array(0), bytes(0xff), bytes(0xff, 0xff), new Uint8Array(40).fill(0xff)),
)
const modelValue = fc.oneof(fc.uint8Array({ maxLength: 8 }), fc.constant(new Uint8Array(5000)))
const modelChange = fc.record({
  bucket: fc.integer({ min: 0, max: 2 }),
  key: modelKey,
  value: fc.option(modelValue, { nil: undefined, freq: 3 }),
})
const modelStep = fc.oneof(
  { weight: 6, arbitrary: fc.array(modelChange, { maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constant('sync' as const) },
  { weight: 1, arbitrary: fc.constant('count' as const) },
  { weight: 1, arbitrary: fc.constant('restart' as const) },
)
const modelRange = fc.record(
  { from: modelKey, to: modelKey, isReversed: fc.boolean() },
  { requiredKeys: [] },
)

function behavesLikeModel({ open, reopen }: StoreHarness): void {
  const steps = fc.array(modelStep, { maxLength: 25 })
  const check = fc.property(steps, fc.array(modelRange, { maxLength: 8 }), (work, ranges) => {
    let store = open()
    const model = [0, 1, 2].map(() => new Map<Hex, Uint8Array>())
    for (const step of work) {
      if (step === 'sync') store.sync()
      else if (step === 'count') expect(store.count(0)).toBe(model[0]!.size)
      else if (step === 'restart') {
        store.close()
        store = reopen(store)
      } else {
        store.commit(step)
        for (const change of step) applyToModel(model[change.bucket]!, change)
      }
    }
    for (const [bucket, map] of model.entries()) {
      expect(store.count(bucket)).toBe(map.size)
      for (const range of [{}, ...ranges]) {
        expect([...store.entries(bucket, range)]).toEqual(entriesOfModel(map, range))
      }
      for (const [key, value] of map) expect(store.get(bucket, hexToBytes(key))).toEqual(value)
    }
    store.close()
  })
  fc.assert(check, { seed: 1, numRuns: 60 })
}

function applyToModel(map: Map<Hex, Uint8Array>, { key, value }: Change): void {
  if (value === undefined) map.delete(bytesToHex(key))
  else map.set(bytesToHex(key), value)
}

function entriesOfModel(map: Map<Hex, Uint8Array>, { from, to, isReversed }: KeyRange): Entry[] {
  const found = Array.from(map, ([key, value]) => ({ key: hexToBytes(key), value }))
    .filter(({ key }) => from === undefined || compareBytes(key, from) >= 0)
    .filter(({ key }) => to === undefined || compareBytes(key, to) < 0)
    .sort((a, b) => compareBytes(a.key, b.key))
  return isReversed === true ? found.reverse() : found
}
