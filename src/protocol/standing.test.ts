import { describe, expect, it } from 'vitest'
import { checkStanding, standingOf } from './standing.ts'
import { seconds } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const manufacturer = `0x${'fa'.repeat(20)}` as const
const stranger = `0x${'fb'.repeat(20)}` as const
const witness = `0x${'11'.repeat(20)}` as const
const revoked = `0x${'22'.repeat(20)}` as const
const standing = standingOf({
  manufacturers: [{ manufacturer, endsSeconds: seconds(1000) }],
  revokedMeters: [{ meter: revoked, endsSeconds: seconds(500) }],
})

describe('P6: the standing of who vouches', () => {
  it('lasts as long as its manufacturer’s, up to and with that second', () => {
    const voucher = { witness, manufacturer }
    expect(() => checkStanding(standing, voucher, seconds(1000))).not.toThrow()
    expect(() => checkStanding(standing, voucher, seconds(1001))).toThrow(
      refusal('meter/witness-untrusted'),
    )
  })

  it('is none where the manufacturer never was trusted', () => {
    const voucher = { witness, manufacturer: stranger }
    expect(() => checkStanding(standing, voucher, seconds(1))).toThrow(
      refusal('meter/witness-untrusted'),
    )
  })

  it('ends for a revoked witness when its revocation says', () => {
    const voucher = { witness: revoked, manufacturer }
    expect(() => checkStanding(standing, voucher, seconds(500))).not.toThrow()
    expect(() => checkStanding(standing, voucher, seconds(501))).toThrow(refusal('meter/revoked'))
  })
})
