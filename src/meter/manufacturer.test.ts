import { describe, expect, it } from 'vitest'
import { createManufacturer, issueMeterCertificate, recoverManufacturer } from './manufacturer.ts'
import { bytes32, later } from './neighbourhood.cases.ts'

const manufacturer = createManufacturer(bytes32(0xfa))
const certificate = {
  meter: `0x${'11'.repeat(20)}`,
  model: `0x${'22'.repeat(32)}`,
  notAfterSeconds: later(100),
} as const

describe('a manufacturer', () => {
  it('is found from the certificates that it issued', () => {
    const signed = issueMeterCertificate(manufacturer, certificate)
    expect(signed.certificate).toEqual(certificate)
    expect(recoverManufacturer(signed)).toBe(manufacturer.address)
  })

  it('is not found from a certificate that was altered', () => {
    const { manufacturerSignature } = issueMeterCertificate(manufacturer, certificate)
    const altered = { ...certificate, notAfterSeconds: later(101) }
    const found = recoverManufacturer({ certificate: altered, manufacturerSignature })
    expect(found).not.toBe(manufacturer.address)
  })

  it('is nobody where the signature is malformed', () => {
    const signed = { certificate, manufacturerSignature: `0x${'ff'.repeat(64)}` } as const
    expect(() => recoverManufacturer(signed)).toThrow(
      expect.objectContaining({ code: 'signature/invalid' }),
    )
  })

  it('needs a private key', () => {
    expect(() => createManufacturer(bytes32(0))).toThrow('Invariant broken')
  })
})
