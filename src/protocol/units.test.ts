import { describe, expect, it } from 'vitest'
import { maxUint32, maxUint40, maxUint96, seconds, wei, wh } from './units.ts'

describe('units', () => {
  it('names the largest values of the message fields', () => {
    expect(maxUint32).toBe(4_294_967_295)
    expect(maxUint40).toBe(1_099_511_627_775)
    expect(maxUint96).toBe(79_228_162_514_264_337_593_543_950_335n)
  })

  it('brands values without changing them', () => {
    expect([wei(7n), wh(7), seconds(7)]).toEqual([7n, 7, 7])
  })
})
