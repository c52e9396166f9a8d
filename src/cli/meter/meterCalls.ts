import type { Address, Bytes32, Signature } from '../../protocol/bytes.ts'
import {
  addressCodec,
  booleanCodec,
  type Codec,
  hexCodec,
  numberCodec,
  objectCodec,
  textCodec,
  wordCodec,
} from '../../protocol/codec.ts'
import { decodeMarket } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import { ctpCodec, meterEvidenceCodec, signedErcCodec } from '../../protocol/messageCodecs.ts'
import type { Ctp } from '../../protocol/messages.ts'
import type { MeterEvidence } from '../../protocol/meterEvidence.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { maxUint32, maxUint40, type Seconds, type Wh } from '../../protocol/units.ts'

/** The kinds of a renewal's state. */
const renewalStates = ['notNeeded', 'needed', 'running', 'failed'] as const

/** How a running meter is, as JSON. */
export type MeterRunView = {
  source?: string
  /** connecting, live, waiting, ended. */
  sourceState?: string
  /** Why the source is away. */
  sourceFailure?: string
  isStale: boolean
  lastReadingSeconds?: Seconds
  importWh?: number
  droppedReadings: number
  refusedReadings: number
  lastRefusal?: string
  receiptsWaiting: number
  receiptFailure?: string
  renewal: (typeof renewalStates)[number]
  renewalFailure?: string
  storeFailure?: string
}

/** What a buyer wants to know of his meter. */
export type MeterBrief = {
  /** Keys that could serve a CTP of some expiry, of an account where one is named. */
  keysLeft: number
  /** It has a source of readings: nothing is receipted by hand. */
  isMeasuring: boolean
}

/** What a household's programs ask of its running meter, by name: question and answer. */
export type MeterCalls = {
  describe: [{ expirySeconds: Seconds; consumer?: Address }, MeterBrief]
  takeKey: [{ expirySeconds: Seconds; consumer: Address }, { meterKey: Address; keysLeft: number }]
  bind: [
    { ctp: Ctp; consumer: Address; market: Market },
    { meterReadySignature: Signature; evidence: MeterEvidence },
  ]
  receipt: [{ ctpId: Bytes32; deliveredWh: Wh; measuredAtSeconds: Seconds }, SignedErc]
  acknowledge: [{ ctpId: Bytes32; deliveredWh: Wh }, object]
  release: [{ ctpId: Bytes32 }, object]
  renew: [object, object]
  status: [object, MeterRunView]
}

/** One of the calls. */
export type MeterCallName = keyof MeterCalls

type CodecsOf<Call extends [unknown, unknown]> = {
  question: Codec<Call[0]>
  answer: Codec<Call[1]>
}

const seconds = numberCodec<Seconds>(maxUint40)
const energyWh = numberCodec<Wh>(maxUint32)
const ctpId = hexCodec(32)
const text = textCodec(500)
const count = numberCodec()
const nothing = objectCodec<object>('Nothing', {}, {})
const marketCodec: Codec<Market> = {
  schema: {},
  encode: ({ chainId, address }) => ({ chainId, address }),
  decode: decodeMarket,
}

const runViewCodec = objectCodec<MeterRunView>(
  'MeterRunView',
  {
    isStale: booleanCodec,
    droppedReadings: count,
    refusedReadings: count,
    receiptsWaiting: count,
    renewal: wordCodec(renewalStates),
  },
  {
    source: text,
    sourceState: text,
    sourceFailure: text,
    lastReadingSeconds: seconds,
    importWh: count,
    lastRefusal: text,
    receiptFailure: text,
    renewalFailure: text,
    storeFailure: text,
  },
)

/** The JSON forms of all calls: server and client both read this table. */
export const meterCallCodecs: { readonly [Name in MeterCallName]: CodecsOf<MeterCalls[Name]> } = {
  describe: {
    question: objectCodec('Describe', { expirySeconds: seconds }, { consumer: addressCodec }),
    answer: objectCodec('MeterBrief', { keysLeft: count, isMeasuring: booleanCodec }, {}),
  },
  takeKey: {
    question: objectCodec('TakeKey', { expirySeconds: seconds, consumer: addressCodec }, {}),
    answer: objectCodec('TakenKey', { meterKey: addressCodec, keysLeft: count }, {}),
  },
  bind: {
    question: objectCodec(
      'Bind',
      { ctp: ctpCodec, consumer: addressCodec, market: marketCodec },
      {},
    ),
    answer: objectCodec(
      'MeterReadiness',
      { meterReadySignature: hexCodec(64), evidence: meterEvidenceCodec },
      {},
    ),
  },
  receipt: {
    question: objectCodec(
      'Receipt',
      { ctpId, deliveredWh: energyWh, measuredAtSeconds: seconds },
      {},
    ),
    answer: signedErcCodec,
  },
  acknowledge: {
    question: objectCodec('Acknowledge', { ctpId, deliveredWh: energyWh }, {}),
    answer: nothing,
  },
  release: { question: objectCodec('Release', { ctpId }, {}), answer: nothing },
  renew: { question: nothing, answer: nothing },
  status: { question: nothing, answer: runViewCodec },
}
