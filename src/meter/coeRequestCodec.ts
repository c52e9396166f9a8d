import { ByteReader } from '../protocol/byteReader.ts'
import type { Address } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import { decodeAddress } from '../protocol/decodeMessage.ts'
import type { Coe, MeterCertificate } from '../protocol/messages.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds } from '../protocol/units.ts'
import type { CoeRequest } from './coeRequest.ts'

/** Why a witness says no; its place is its number in a sealed answer: only ever append. */
export const witnessRefusals = [
  'meter/witness-busy',
  'meter/witness-quota',
  'meter/coe-invalid',
  'meter/self-witnessed',
  'meter/owner-untrusted',
  'meter/certificate-expired',
  'meter/witness-expired',
  'meter/revoked',
  'signature/invalid',
] as const

/** The code of a witness's refusal. */
export type WitnessRefusal = (typeof witnessRefusals)[number]

/** What a witness answers. */
export type WitnessAnswer =
  | { kind: 'signed'; signed: SignedCoe }
  | { kind: 'refused'; code: WitnessRefusal }

const answerKinds = { signed: 0, refused: 1 } as const

function writeCoe(writer: ByteWriter, coe: Coe): void {
  writer.hex(coe.root).uint8(coe.height)
  writer.uint40(coe.notBeforeSeconds).uint40(coe.notAfterSeconds)
}

function readCoe(reader: ByteReader): Coe {
  return {
    root: reader.hex(32),
    height: reader.uint8(),
    notBeforeSeconds: seconds(reader.uint40()),
    notAfterSeconds: seconds(reader.uint40()),
  }
}

function writeCertificate(writer: ByteWriter, certificate: MeterCertificate): void {
  writer.hex(certificate.meter).hex(certificate.model).uint40(certificate.notAfterSeconds)
}

function readCertificate(reader: ByteReader): MeterCertificate {
  return {
    meter: decodeAddress(reader.hex(20), 'meter'),
    model: reader.hex(32),
    notAfterSeconds: seconds(reader.uint40()),
  }
}

/** A request's bytes, for sealing; whom it is for is the seal's. */
export function encodeCoeRequest({ market, coe, owner, possession }: CoeRequest): Uint8Array {
  const writer = new ByteWriter().uint64(BigInt(market.chainId)).hex(market.address)
  writeCoe(writer, coe)
  writeCertificate(writer, owner.certificate)
  return writer.hex(owner.manufacturerSignature).hex(possession).finish()
}

/** Parses a request that was sealed to a witness. Throws `input/*`. */
export function decodeCoeRequest(bytes: Uint8Array, witness: Address): CoeRequest {
  const reader = new ByteReader(bytes)
  const chainId = reader.uint64()
  if (chainId > BigInt(Number.MAX_SAFE_INTEGER)) {
    throw new SpbError('input/number', 'The chain id is too large.')
  }
  const request = {
    witness,
    market: { chainId: Number(chainId), address: decodeAddress(reader.hex(20), 'market') },
    coe: readCoe(reader),
    owner: { certificate: readCertificate(reader), manufacturerSignature: reader.hex(64) },
    possession: reader.hex(64),
  }
  reader.finish()
  return request
}

/** An answer's bytes, for sealing. */
export function encodeWitnessAnswer(answer: WitnessAnswer): Uint8Array {
  const writer = new ByteWriter().uint8(answerKinds[answer.kind])
  if (answer.kind === 'refused') {
    return writer.uint8(witnessRefusals.indexOf(answer.code)).finish()
  }
  const { coe, coeSignature, witness, witnessSignature } = answer.signed
  writeCoe(writer, coe)
  writer.hex(coeSignature)
  writeCertificate(writer, witness)
  return writer.hex(witnessSignature).finish()
}

function readAnswer(reader: ByteReader): WitnessAnswer {
  const kind = reader.uint8()
  if (kind === answerKinds.refused) {
    const code = witnessRefusals[reader.uint8()]
    if (code === undefined) throw new SpbError('input/shape', 'The refusal is not known.')
    return { kind: 'refused', code }
  }
  if (kind !== answerKinds.signed) {
    throw new SpbError('input/shape', 'The answer is of no known kind.')
  }
  const coe = readCoe(reader)
  const coeSignature = reader.hex(64)
  const witness = readCertificate(reader)
  return {
    kind: 'signed',
    signed: { coe, coeSignature, witness, witnessSignature: reader.hex(64) },
  }
}

/** Parses a witness's answer. Throws `input/*`. */
export function decodeWitnessAnswer(bytes: Uint8Array): WitnessAnswer {
  const reader = new ByteReader(bytes)
  const answer = readAnswer(reader)
  reader.finish()
  return answer
}
