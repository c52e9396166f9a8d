import type { Address, Bytes32, Hex } from './bytes.ts'
import { addressCodec, hexCodec, listCodec, numberCodec, objectCodec } from './codec.ts'
import { messageCodec } from './messageCodecs.ts'
import { boxBytes } from './sealedBox.ts'
import { maxUint40, type Seconds } from './units.ts'
import type { WitnessPost } from './witnessPost.ts'

/** Bounds of what a node relays between meters. */
export const witnessLimits = {
  /** Witnesses in one answer. */
  listedWitnesses: 1000,
  /** Requests that wait for one witness; also the most that one answer has. */
  mailboxRequests: 16,
  /** Longest time that a witness waits for requests. */
  pollSeconds: 25,
} as const

/** A sealed request to a witness: the body of POST /v1/witness-requests. */
export type SealedRequest = { witness: Address; box: Hex }
/** A witness's answer to a request by id: the body of POST /v1/witnesses/METER/answers. */
export type SealedAnswer = { requestId: Bytes32; box: Hex }
/** Sealed requests that wait for a witness. */
export type WitnessMail = { boxes: Hex[] }

const bytes32 = hexCodec(32)
const signature = hexCodec(64)
const box = hexCodec(boxBytes)
const timeSeconds = numberCodec<Seconds>(maxUint40)

/** The JSON form of a witness's post: the body of POST /v1/witnesses. */
export const witnessPostCodec = objectCodec<WitnessPost>(
  'WitnessPost',
  {
    certificate: messageCodec('MeterCertificate'),
    manufacturerSignature: signature,
    relay: addressCodec,
    sealingKey: bytes32,
    tokenHash: bytes32,
    notAfterSeconds: timeSeconds,
    signature,
  },
  {},
)

/** The JSON form of a list of witnesses: the answer of GET /v1/witnesses. */
export const witnessPageCodec = objectCodec<{ witnesses: WitnessPost[] }>(
  'WitnessPage',
  { witnesses: listCodec(witnessPostCodec, witnessLimits.listedWitnesses) },
  {},
)

/** The JSON form of a post that was taken: until when it counts. */
export const witnessPostedCodec = objectCodec<{ notAfterSeconds: Seconds }>(
  'WitnessPosted',
  { notAfterSeconds: timeSeconds },
  {},
)

/** The JSON form of a sealed request. */
export const sealedRequestCodec = objectCodec<SealedRequest>(
  'SealedRequest',
  { witness: addressCodec, box },
  {},
)

/** The JSON form of a sealed answer, as the witness sends it. */
export const sealedAnswerCodec = objectCodec<SealedAnswer>(
  'SealedAnswer',
  { requestId: bytes32, box },
  {},
)

/** The JSON form of a single box: what whoever asked gets. */
export const sealedBoxCodec = objectCodec<{ box: Hex }>('SealedBox', { box }, {})

/** The JSON form of what waits for a witness. */
export const witnessMailCodec = objectCodec<WitnessMail>(
  'WitnessMail',
  { boxes: listCodec(box, witnessLimits.mailboxRequests) },
  {},
)

/** The JSON form of an answer that was passed on. */
export const answeredCodec = objectCodec<{ requestId: Bytes32 }>(
  'WitnessAnswered',
  { requestId: bytes32 },
  {},
)
