import fc from 'fast-check'
import { decodeSignatures } from '../../src/protocol/committee.ts'
import {
  type CtpSubmission,
  decodeCtpSubmission,
  decodeMarket,
  encodeCtpSubmission,
} from '../../src/protocol/ctpSubmission.ts'
import { decodeMessage, encodeMessage } from '../../src/protocol/decodeMessage.ts'
import type { Market } from '../../src/protocol/digest.ts'
import {
  decodeHoldCertificate,
  decodeVoidCertificate,
  encodeHoldCertificate,
  type HoldCertificate,
} from '../../src/protocol/holdCertificate.ts'
import { decodeMerklePath } from '../../src/protocol/merklePathCodec.ts'
import { messageNames } from '../../src/protocol/messages.ts'
import {
  decodeMeterEvidence,
  decodeSignedCoe,
  encodeMeterEvidence,
  encodeSignedCoe,
  type MeterEvidence,
} from '../../src/protocol/meterEvidence.ts'
import { decodeSignedErc, encodeSignedErc } from '../../src/protocol/signedErc.ts'
import { decodeSparseProof, type SparseProof } from '../../src/protocol/sparseProof.ts'
import {
  decodeTradeProof,
  encodeTradeProof,
  type TradeProof,
} from '../../src/protocol/tradeProof.ts'
import { maxUint32, seconds } from '../../src/protocol/units.ts'
import {
  type SealedRequest,
  sealedRequestCodec,
  type WitnessMail,
  witnessMailCodec,
  witnessPostCodec,
} from '../../src/protocol/witnessCodecs.ts'
import type { WitnessPost } from '../../src/protocol/witnessPost.ts'
import {
  arbitraryAddress,
  arbitraryHex,
  arbitraryMessage,
  arbitraryPath,
  arbitrarySignature,
} from './messageArbitraries.ts'

/** One decoder of foreign JSON, with values that it must take and how they are written. */
export type DecoderCase = {
  name: string
  arbitrary: fc.Arbitrary<unknown>
  encode(value: unknown): unknown
  decode(json: unknown): unknown
}

function makeCase<Value>(
  name: string,
  arbitrary: fc.Arbitrary<Value>,
  encode: (value: Value) => unknown,
  decode: (json: unknown) => Value,
): DecoderCase {
  return { name, arbitrary, encode: (value) => encode(value as Value), decode }
}

function record<Value>(fields: { [Key in keyof Value]: fc.Arbitrary<Value[Key]> }) {
  return fc.record(fields, { noNullPrototype: true }) as fc.Arbitrary<Value>
}

const asIs = (value: unknown) => value
const uint32 = fc.oneof(fc.constantFrom(0, maxUint32), fc.integer({ min: 0, max: maxUint32 }))
const member = fc.nat(99)
const memberSignature = record({ member, signature: arbitrarySignature })
const market = record<Market>({
  chainId: fc.nat(Number.MAX_SAFE_INTEGER),
  address: arbitraryAddress,
})
const signedCoeFields = {
  coe: arbitraryMessage('CoE'),
  coeSignature: arbitrarySignature,
  witness: arbitraryMessage('MeterCertificate'),
  witnessSignature: arbitrarySignature,
}
const evidence = record<MeterEvidence>({
  kind: fc.constant(0),
  path: arbitraryPath(16),
  ...signedCoeFields,
})
const signedCtpFields = { ctp: arbitraryMessage('Ctp'), consumerSignature: arbitrarySignature }
const submissionFields = {
  market,
  ...signedCtpFields,
  meterReadySignature: arbitrarySignature,
  evidence,
}
const submission: fc.Arbitrary<CtpSubmission> = fc.oneof(
  record(submissionFields),
  record({ ...submissionFields, acceptSignature: arbitrarySignature }),
)
const vote = record({ member, signature: arbitrarySignature, path: arbitraryPath(6) })
const holdCertificate = record<HoldCertificate>({
  ...signedCtpFields,
  epoch: uint32,
  votes: fc.array(vote, { maxLength: 4 }),
})
const voidCertificate = record({
  epoch: uint32,
  account: arbitraryAddress,
  nonce: uint32,
  signatures: fc.array(memberSignature, { maxLength: 4 }),
})
const signedErc = record({ erc: arbitraryMessage('Erc'), signature: arbitrarySignature })
const tradeProofFields = {
  market,
  ...signedCtpFields,
  certificate: record({ epoch: uint32, votes: fc.array(vote, { maxLength: 4 }) }),
}
const tradeProof: fc.Arbitrary<TradeProof> = fc.oneof(
  record(tradeProofFields),
  record({
    ...tradeProofFields,
    ...{ meterReadySignature: arbitrarySignature, evidence, receipt: signedErc },
    settlement: record({ transactionHash: arbitraryHex(32), blockNumber: uint32 }),
    ...{ number: uint32, certifiedAtSeconds: uint32.map(seconds) },
  }),
)
const sparseLeaf = record({ key: arbitraryHex(32), digest: arbitraryHex(32) })
const sparseProof = record<SparseProof>({
  siblings: fc.array(arbitraryHex(32), { maxLength: 6 }),
  neighbour: fc.oneof(fc.constant(null), sparseLeaf),
})

const witnessPost = record<WitnessPost>({
  certificate: arbitraryMessage('MeterCertificate'),
  manufacturerSignature: arbitrarySignature,
  relay: arbitraryAddress,
  sealingKey: arbitraryHex(32),
  tokenHash: arbitraryHex(32),
  notAfterSeconds: uint32.map(seconds),
  signature: arbitrarySignature,
})
const sealedRequest = record<SealedRequest>({ witness: arbitraryAddress, box: arbitraryHex(1024) })
const witnessMail = record<WitnessMail>({ boxes: fc.array(arbitraryHex(1024), { maxLength: 2 }) })

/** Every decoder of the protocol. */
export const decoderTable: readonly DecoderCase[] = [
  ...messageNames.map((name) =>
    makeCase(
      name,
      arbitraryMessage(name),
      (message) => encodeMessage(name, message),
      (json) => decodeMessage(name, json),
    ),
  ),
  makeCase('Merkle path', arbitraryPath(16), asIs, (json) => decodeMerklePath(json, 16)),
  makeCase('signatures', fc.array(memberSignature, { maxLength: 5 }), asIs, decodeSignatures),
  makeCase('market', market, asIs, decodeMarket),
  makeCase('signed CoE', record(signedCoeFields), encodeSignedCoe, decodeSignedCoe),
  makeCase('meter evidence', evidence, encodeMeterEvidence, decodeMeterEvidence),
  makeCase('submission', submission, encodeCtpSubmission, decodeCtpSubmission),
  makeCase('hold certificate', holdCertificate, encodeHoldCertificate, decodeHoldCertificate),
  makeCase('void certificate', voidCertificate, asIs, decodeVoidCertificate),
  makeCase('receipt', signedErc, encodeSignedErc, decodeSignedErc),
  makeCase('trade proof', tradeProof, encodeTradeProof, decodeTradeProof),
  makeCase('sparse proof', sparseProof, asIs, decodeSparseProof),
  makeCase('witness post', witnessPost, witnessPostCodec.encode, (json) =>
    witnessPostCodec.decode(json, 'post'),
  ),
  makeCase('sealed request', sealedRequest, sealedRequestCodec.encode, (json) =>
    sealedRequestCodec.decode(json, 'request'),
  ),
  makeCase('witness mail', witnessMail, witnessMailCodec.encode, (json) =>
    witnessMailCodec.decode(json, 'mail'),
  ),
]
