import {
  bigintCodec,
  bytesCodec,
  type Codec,
  hexCodec,
  type JsonSchema,
  numberCodec,
} from './codec.ts'
import {
  type CtpSubmission,
  decodeCtpSubmission,
  encodeCtpSubmission,
  type SignedCtp,
} from './ctpSubmission.ts'
import { decodeHex, decodeMessage, decodeObject, encodeMessage } from './decodeMessage.ts'
import {
  decodeHoldCertificate,
  decodeVoidCertificate,
  encodeHoldCertificate,
  type HoldCertificate,
  type VoidCertificate,
} from './holdCertificate.ts'
import { limits } from './limits.ts'
import { type FieldType, fieldsOf, type MessageName, type Messages } from './messages.ts'
import { decodeMeterEvidence, encodeMeterEvidence, type MeterEvidence } from './meterEvidence.ts'
import { decodeSignedErc, encodeSignedErc, type SignedErc } from './signedErc.ts'

const schemaOfType: Record<FieldType, JsonSchema> = {
  address: hexCodec(20).schema,
  bytes: bytesCodec(limits.governanceCallBytes).schema,
  bytes32: hexCodec(32).schema,
  uint8: numberCodec(2 ** 8 - 1).schema,
  uint32: numberCodec(2 ** 32 - 1).schema,
  uint40: numberCodec(2 ** 40 - 1).schema,
  uint64: bigintCodec(64).schema,
  uint96: bigintCodec(96).schema,
}

function objectSchema(
  title: string,
  properties: Record<string, JsonSchema>,
  optional: Record<string, JsonSchema> = {},
): JsonSchema {
  return {
    title,
    type: 'object',
    properties: { ...properties, ...optional },
    required: Object.keys(properties),
    additionalProperties: false,
  }
}

/** The JSON form of a signed message's fields. */
export function messageCodec<Name extends MessageName>(name: Name): Codec<Messages[Name]> {
  const fields = fieldsOf(name).map(([field, type]) => [field, schemaOfType[type]] as const)
  return {
    schema: objectSchema(name, Object.fromEntries(fields)),
    encode: (message) => encodeMessage(name, message),
    decode: (json) => decodeMessage(name, json),
  }
}

/** The JSON form of a CTP’s fields. */
export const ctpCodec: Codec<Messages['Ctp']> = messageCodec('Ctp')
const signature = hexCodec(64).schema
const member = numberCodec(limits.members - 1).schema
const epoch = schemaOfType.uint32

function pathSchema(title: string, height: number): JsonSchema {
  return objectSchema(title, {
    index: numberCodec(2 ** height - 1).schema,
    siblings: { type: 'array', items: schemaOfType.bytes32, maxItems: height },
  })
}

const voteSchema = objectSchema('Vote', {
  member,
  signature,
  path: pathSchema('VotePath', Math.log2(limits.ctpsPerVote)),
})

/** The JSON form of a hold certificate. */
export const holdCertificateCodec: Codec<HoldCertificate> = {
  schema: objectSchema('HoldCertificate', {
    ctp: ctpCodec.schema,
    consumerSignature: signature,
    epoch,
    votes: { type: 'array', items: voteSchema, maxItems: limits.members },
  }),
  encode: encodeHoldCertificate,
  decode: decodeHoldCertificate,
}

const memberSignatureSchema = objectSchema('MemberSignature', { member, signature })

/** The JSON form of a void certificate. */
export const voidCertificateCodec: Codec<VoidCertificate> = {
  schema: objectSchema('VoidCertificate', {
    epoch,
    account: schemaOfType.address,
    nonce: schemaOfType.uint32,
    signatures: { type: 'array', items: memberSignatureSchema, maxItems: limits.members },
  }),
  encode: (certificate) => ({ ...certificate }),
  decode: decodeVoidCertificate,
}

/** The JSON form of meter evidence. */
export const meterEvidenceCodec: Codec<MeterEvidence> = {
  schema: objectSchema('MeterEvidence', {
    kind: { const: 0 },
    path: pathSchema('MeterKeyPath', limits.treeHeight),
    coe: messageCodec('CoE').schema,
    coeSignature: signature,
    witness: messageCodec('MeterCertificate').schema,
    witnessSignature: signature,
  }),
  encode: encodeMeterEvidence,
  decode: decodeMeterEvidence,
}

/** The JSON form of a signed receipt: the body of POST /v1/receipts. */
export const signedErcCodec: Codec<SignedErc> = {
  schema: objectSchema('SignedErc', { erc: messageCodec('Erc').schema, signature }),
  encode: encodeSignedErc,
  decode: decodeSignedErc,
}

/** The JSON form of a signed CTP: the body of POST /v1/voids. */
export const signedCtpCodec: Codec<SignedCtp> = {
  schema: objectSchema('SignedCtp', { ctp: ctpCodec.schema, consumerSignature: signature }),
  encode: ({ ctp, consumerSignature }) => ({ ctp: ctpCodec.encode(ctp), consumerSignature }),
  decode(json) {
    const object = decodeObject(json, ['ctp', 'consumerSignature'], 'signed CTP')
    return {
      ctp: decodeMessage('Ctp', object.ctp),
      consumerSignature: decodeHex(object.consumerSignature, 64, 'consumerSignature'),
    }
  },
}

const marketSchema = objectSchema('MarketReference', {
  chainId: numberCodec().schema,
  address: schemaOfType.address,
})

/** The JSON form of a submission: the body of POST /v1/ctps. */
export const ctpSubmissionCodec: Codec<CtpSubmission> = {
  schema: objectSchema(
    'CtpSubmission',
    {
      market: marketSchema,
      ctp: ctpCodec.schema,
      consumerSignature: signature,
      meterReadySignature: signature,
      evidence: meterEvidenceCodec.schema,
    },
    { acceptSignature: signature },
  ),
  encode: encodeCtpSubmission,
  decode: decodeCtpSubmission,
}
