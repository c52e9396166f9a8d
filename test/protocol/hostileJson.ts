import fc from 'fast-check'

function nest(depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 0
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

// By name, so that a failure prints the name instead of megabytes.
const hostileValues: Record<string, unknown> = {
  null: null,
  undefined: undefined,
  true: true,
  'not a number': Number.NaN,
  infinity: Number.POSITIVE_INFINITY,
  'minus zero': -0,
  'minus one': -1,
  half: 0.5,
  '2^53': 2 ** 53,
  '2^32': 2 ** 32,
  '10^300': 1e300,
  'a bigint': 1n,
  'no text': '',
  'zero as text': '0',
  'minus one as text': '-1',
  'a float as text': '1e3',
  'leading zeros': '0007',
  'Arabic digits': '١٢٣',
  'wide digits': '0x１２',
  'no digits': '0x',
  'half a byte': '0x0',
  'a line end': `0x${'00'.repeat(32)}\n`,
  'a zero address': `0x${'00'.repeat(20)}`,
  '20 bytes': `0x${'Ab'.repeat(20)}`,
  '32 bytes': `0x${'aB'.repeat(32)}`,
  '64 bytes': `0x${'FF'.repeat(64)}`,
  '78 digits': '9'.repeat(78),
  'a flood of hex': `0x${'ab'.repeat(200_000)}`,
  'a flood of digits': '1'.repeat(400_000),
  'a lone surrogate': '\ud800',
  'an empty list': [],
  'an empty object': {},
  'a long list': new Array(20_000).fill(0),
  'a list of holes': new Array(50),
  'an endless list': new Array(2 ** 32 - 1),
  'a list with a length': { length: 2, 0: 'a', 1: 'b' },
  'text in a list': [`0x${'00'.repeat(20)}`],
  'a deep list': nest(10_000, (inner) => [inner]),
  'a deep object': nest(10_000, (inner) => ({ path: inner })),
  'an object of many fields': Object.fromEntries(
    Array.from({ length: 5000 }, (_, index) => [`field${index}`, index]),
  ),
  'an object with a prototype field': JSON.parse('{"__proto__":{"index":0,"siblings":[]}}'),
  'an object that inherits': Object.create({ index: 0, siblings: [] }),
}

// They are shared, so that no mutation may reach into one that an earlier one put there.
const shared = new Set(Object.values(hostileValues))

const hostileNames = ['__proto__', 'constructor', 'toString', 'length', 'extra', '', '0']

type Container = Record<string | number, unknown>
type Place = { container: Container; key: string }

/** All fields and elements of a small value, in order. */
function listPlaces(value: unknown, places: Place[] = []): Place[] {
  if (typeof value !== 'object' || value === null || shared.has(value)) return places
  const container = value as Container
  for (const key of Object.keys(container)) {
    places.push({ container, key })
    // An exchange makes a value that holds itself.
    if (places.length < 500) listPlaces(container[key], places)
  }
  return places
}

/** One change of a message: where in it (counted through) and what. */
export type Mutation = {
  place: number
  kind: 'replace' | 'remove' | 'add' | 'repeat' | 'swap case' | 'lengthen' | 'exchange'
  value: string
  name: string
}

/** Any change of a message. */
export const arbitraryMutation: fc.Arbitrary<Mutation> = fc.record({
  place: fc.nat(10_000),
  kind: fc.constantFrom(
    ...(['replace', 'remove', 'add', 'repeat', 'swap case', 'lengthen', 'exchange'] as const),
  ),
  value: fc.constantFrom(...Object.keys(hostileValues)),
  name: fc.constantFrom(...hostileNames),
})

function changeText(text: string, kind: Mutation['kind']): string {
  if (kind === 'lengthen') return `${text}00`
  return text.startsWith('0x') ? `0x${text.slice(2).toUpperCase()}` : text.toUpperCase()
}

/** Defines, since `__proto__` cannot be assigned as a field. */
function addField(container: Container, { name, value }: Mutation): void {
  const descriptor = { enumerable: true, configurable: true, writable: true }
  Object.defineProperty(container, name, { ...descriptor, value: hostileValues[value] })
}

/** Changes a JSON value in place, or gives another where the change concerns the whole. */
export function mutateJson(json: unknown, mutation: Mutation): unknown {
  const places = listPlaces(json)
  const place = places[mutation.place % (places.length + 1)]
  if (place === undefined) return hostileValues[mutation.value]
  const { container, key } = place
  const old = container[key]
  switch (mutation.kind) {
    case 'remove':
      delete container[key]
      break
    case 'add':
      if (Array.isArray(container)) container.push(hostileValues[mutation.value])
      else addField(container, mutation)
      break
    case 'repeat':
      if (Array.isArray(old)) container[key] = Array.from({ length: 200 }, () => old[0] ?? 0)
      break
    case 'exchange':
      container[key] = places[(mutation.place * 7) % places.length]!.container
      break
    case 'swap case':
    case 'lengthen':
      if (typeof old === 'string') container[key] = changeText(old, mutation.kind)
      break
    default:
      container[key] = hostileValues[mutation.value]
  }
  return json
}

/** Any whole hostile value, by name. */
export const arbitraryHostileName: fc.Arbitrary<string> = fc.constantFrom(
  ...Object.keys(hostileValues),
)

/** The hostile value of a name. */
export function hostileValueOf(name: string): unknown {
  return hostileValues[name]
}
