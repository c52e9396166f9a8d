import type { Bytes32, Signature } from './bytes.ts'
import { decodeMarket, type SignedCtp } from './ctpSubmission.ts'
import {
  decodeHex,
  decodeList,
  decodeMessage,
  decodeNumber,
  decodeObject,
  encodeMessage,
} from './decodeMessage.ts'
import type { Market } from './digest.ts'
import { decodeVote, type Vote } from './holdCertificate.ts'
import { limits } from './limits.ts'
import { decodeMeterEvidence, encodeMeterEvidence, type MeterEvidence } from './meterEvidence.ts'
import { decodeSignedErc, encodeSignedErc, type SignedErc } from './signedErc.ts'
import { SpbError } from './spbError.ts'
import { maxUint32, maxUint40, type Seconds, seconds } from './units.ts'
import type { CtpDossier } from './views.ts'

/**
 * A certified trade with all that proves it, to someone who has nothing but this and a chain: what
 * a receipt's file holds, and what a producer keeps so that he can be paid without a node.
 */
export type TradeProof = SignedCtp & {
  market: Market
  /** The hold certificate's votes. */
  certificate: { epoch: number; votes: Vote[] }
  meterReadySignature?: Signature
  evidence?: MeterEvidence
  /** Of the highest delivery that is known. */
  receipt?: SignedErc
  settlement?: { transactionHash: Bytes32; blockNumber: number }
  /** What a node calls the CTP: for people, proves nothing. */
  number?: number
  /** When its keeper first saw it certified: for people, proves nothing. */
  certifiedAtSeconds?: Seconds
}

/** Most characters of a proof's text. */
export const mostProofCharacters = 65_536

const format = 'spb-trade-proof'
const version = 1
const fields = ['market', 'ctp', 'consumerSignature', 'certificate'] as const
const optionalFields = [
  ...['meterReadySignature', 'evidence', 'receipt', 'settlement'],
  ...['number', 'certifiedAtSeconds'],
]

function decodeSettlement(value: unknown): { transactionHash: Bytes32; blockNumber: number } {
  const object = decodeObject(value, ['transactionHash', 'blockNumber'], 'settlement')
  return {
    transactionHash: decodeHex(object.transactionHash, 32, 'transactionHash'),
    blockNumber: decodeNumber(object.blockNumber, Number.MAX_SAFE_INTEGER, 'blockNumber'),
  }
}

function decodeCertificate(value: unknown): TradeProof['certificate'] {
  const { epoch, votes } = decodeObject(value, ['epoch', 'votes'], 'certificate')
  return {
    epoch: decodeNumber(epoch, maxUint32, 'epoch'),
    votes: decodeList(votes, limits.members, 'votes', decodeVote),
  }
}

function decodeNotes(
  object: Record<string, unknown>,
): Pick<TradeProof, 'number' | 'certifiedAtSeconds'> {
  const { number, certifiedAtSeconds } = object
  const most = Number.MAX_SAFE_INTEGER
  return {
    ...(number === undefined ? {} : { number: decodeNumber(number, most, 'number') }),
    ...(certifiedAtSeconds === undefined
      ? {}
      : { certifiedAtSeconds: seconds(decodeNumber(certifiedAtSeconds, maxUint40, 'time')) }),
  }
}

/** Takes off what names the file's form. Throws `input/shape`. */
function openEnvelope(json: unknown): Record<string, unknown> {
  const isObject = typeof json === 'object' && json !== null && !Array.isArray(json)
  const {
    format: found,
    version: number,
    ...rest
  } = (isObject ? json : {}) as {
    [name: string]: unknown
  }
  if (found !== format) throw new SpbError('input/shape', 'This is not the proof of a trade.')
  if (number !== version) {
    throw new SpbError('input/shape', 'The proof is of a version that is not known here.', {
      hint: 'A newer SPB wrote it: upgrade.',
    })
  }
  return rest
}

/** Parses a proof from JSON. Throws `input/*`. */
export function decodeTradeProof(json: unknown): TradeProof {
  const object = decodeObject(openEnvelope(json), fields, 'proof', optionalFields)
  const { meterReadySignature, evidence, receipt, settlement } = object
  return {
    market: decodeMarket(object.market),
    ctp: decodeMessage('Ctp', object.ctp),
    consumerSignature: decodeHex(object.consumerSignature, 64, 'consumerSignature'),
    certificate: decodeCertificate(object.certificate),
    ...(meterReadySignature === undefined
      ? {}
      : { meterReadySignature: decodeHex(meterReadySignature, 64, 'meterReadySignature') }),
    ...(evidence === undefined ? {} : { evidence: decodeMeterEvidence(evidence) }),
    ...(receipt === undefined ? {} : { receipt: decodeSignedErc(receipt) }),
    ...(settlement === undefined ? {} : { settlement: decodeSettlement(settlement) }),
    ...decodeNotes(object),
  }
}

/** The JSON form of a proof. */
export function encodeTradeProof(proof: TradeProof): Record<string, unknown> {
  const { market, ctp, certificate, evidence, receipt, ...rest } = proof
  const { consumerSignature, meterReadySignature, settlement, ...notes } = rest
  return {
    ...{ format, version },
    market: { chainId: market.chainId, address: market.address },
    ctp: encodeMessage('Ctp', ctp),
    consumerSignature,
    certificate,
    ...(meterReadySignature === undefined ? {} : { meterReadySignature }),
    ...(evidence === undefined ? {} : { evidence: encodeMeterEvidence(evidence) }),
    ...(receipt === undefined ? {} : { receipt: encodeSignedErc(receipt) }),
    ...(settlement === undefined ? {} : { settlement }),
    ...notes,
  }
}

/** Parses a proof's text, of at most 65,536 characters. Throws `input/*`. */
export function parseTradeProof(text: string): TradeProof {
  if (text.length > mostProofCharacters) {
    throw new SpbError('input/too-large', `A proof has at most ${mostProofCharacters} characters.`)
  }
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    throw new SpbError('input/shape', 'The proof is not JSON.')
  }
  return decodeTradeProof(json)
}

/** A proof's text: with line breaks, unless only what has none is short enough. */
export function formatTradeProof(proof: TradeProof): string {
  const json = encodeTradeProof(proof)
  const text = `${JSON.stringify(json, null, 2)}\n`
  return text.length <= mostProofCharacters ? text : `${JSON.stringify(json)}\n`
}

/** The proof of a trade, as a node's file of it gives it. Throws `proof/not-certified`. */
export function tradeProofOf(market: Market, dossier: CtpDossier): TradeProof {
  const { ctp, consumerSignature, holdCertificate, number, settlement } = dossier
  const { meterReadySignature, evidence, receipt } = dossier
  if (holdCertificate === undefined) throw new SpbError('proof/not-certified')
  const { epoch, votes } = holdCertificate
  return {
    market: { chainId: market.chainId, address: market.address },
    ...{ ctp, consumerSignature, number },
    certificate: { epoch, votes },
    ...(meterReadySignature === undefined ? {} : { meterReadySignature }),
    ...(evidence === undefined ? {} : { evidence }),
    ...(receipt === undefined ? {} : { receipt }),
    ...(settlement === undefined
      ? {}
      : {
          settlement: {
            transactionHash: settlement.transactionHash,
            blockNumber: settlement.blockNumber,
          },
        }),
  }
}
