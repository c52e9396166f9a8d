import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import type { ErrorCode } from '../errorTable.ts'

/** What a code becomes that has no number: its sender knows more in its log. */
const unnumbered: ErrorCode = 'node/internal'
/** What a number becomes that has no code: a newer version sent it. */
const unheardOf: ErrorCode = 'node/bad-answer'

/**
 * The codes that nodes send to each other; the place in this list is the number on the wire.
 *
 * Only ever added to at the end: numbers keep their meaning while nodes of several versions run.
 */
export const numberedCodes: readonly ErrorCode[] = [
  'node/internal',
  'node/bad-answer',
  'node/not-voting',
  'node/overloaded',
  'node/rate-limited',
  'node/not-found',
  'node/unreachable',
  'node/wrong-host',
  'node/port-in-use',
  'input/amount',
  'input/energy',
  'input/address',
  'input/hex',
  'input/number',
  'input/shape',
  'input/too-large',
  'signature/invalid',
  'merkle/invalid-path',
  'certificate/too-few-votes',
  'certificate/vote-order',
  'certificate/wrong-epoch',
  'ctp/wrong-market',
  'ctp/self-trade',
  'ctp/amount-too-small',
  'meter/not-ready',
  'meter/coe-invalid',
  'meter/coe-expired',
  'meter/self-witnessed',
  'meter/witness-untrusted',
  'meter/witness-expired',
  'meter/revoked',
  'ctp/expiry-too-near',
  'ctp/expiry-too-far',
  'offer/unknown',
  'offer/closed',
  'offer/wrong-producer',
  'offer/wrong-price',
  'offer/sold-out',
  'offer/not-accepted',
  'ctp/nonce-reused',
  'ctp/nonce-skipped',
  'ctp/nonce-window',
  'ctp/nonce-closed',
  'ctp/too-many-live',
  'ctp/insufficient-balance',
  'ctp/unknown',
  'ctp/not-stuck',
  'erc/unknown-ctp',
  'erc/zero',
  'erc/wrong-key',
  'erc/late',
  'erc/lower',
  'erc/repeated',
  'erc/closed',
  'account/unknown',
  'chain/unreachable',
  'chain/stalled',
  'store/failed',
  'certificate/no-equivocation',
  'node/clock-skewed',
  'node/catching-up',
  'node/too-few-members',
  'network/unasked',
  'network/known',
  'network/unexpected',
  'settlement/ended',
  'settlement/too-early',
  'settlement/repeated',
  'settlement/wrong-receipt',
  'ctp/nonce-inherited',
  'epoch/ended',
  'epoch/not-started',
  'epoch/wrong-report',
  'epoch/too-few-ends',
  'epoch/reports-missing',
  'epoch/not-operator',
  'network/wrong-answer',
  'node/died',
  'network/cannot-listen',
]

const numberOfCode = new Map(numberedCodes.map((code, number) => [code, number]))

/** Writes a code as its number, two bytes; one without a number as `node/internal`. */
export function writeCode(writer: ByteWriter, code: ErrorCode): void {
  writer.uint16(numberOfCode.get(code) ?? numberOfCode.get(unnumbered)!)
}

/** Reads a code; a number that has none as `node/bad-answer`. */
export function readCode(reader: ByteReader): ErrorCode {
  return numberedCodes[reader.uint16()] ?? unheardOf
}
