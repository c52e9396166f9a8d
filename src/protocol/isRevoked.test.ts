import { expect, it } from 'vitest'
import { isRevoked } from './isRevoked.ts'
import { standingOf } from './standing.ts'
import { maxUint40, seconds } from './units.ts'

const meter = `0x${'11'.repeat(20)}` as const
const ending = (endsSeconds: number) =>
  standingOf({ manufacturers: [], revokedMeters: [{ meter, endsSeconds: seconds(endsSeconds) }] })

it('P6: a meter counts as revoked as soon as an end is announced, unless it is none', () => {
  expect(isRevoked(ending(0), meter)).toBe(true)
  expect(isRevoked(ending(maxUint40 - 1), meter)).toBe(true)
  expect(isRevoked(ending(maxUint40), meter)).toBe(false)
  expect(isRevoked(ending(0), `0x${'22'.repeat(20)}`)).toBe(false)
})
