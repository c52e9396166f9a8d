import type { Bytes32 } from '../protocol/bytes.ts'
import { decodeHex } from '../protocol/decodeMessage.ts'
import { SpbError } from '../protocol/spbError.ts'

const shorten = (text: string): string => (text.length <= 40 ? text : `${text.slice(0, 40)}…`)

/** An offer's number, from 1 to 2^64 - 1. Throws `input/number`. */
export function parseOfferId(text: string): bigint {
  const offerId = /^[1-9]\d{0,19}$/.test(text) ? BigInt(text) : 0n
  if (offerId > 0n && offerId < 2n ** 64n) return offerId
  throw new SpbError('input/number', `“${shorten(text)}” is not the number of an offer.`, {
    hint: 'List them: spb offers.',
  })
}

/** A CTP by its number at the node, or its id. Throws `input/number`, `input/hex`. */
export function parseCtpKey(text: string): Bytes32 | number {
  if (/^0x/i.test(text)) return decodeHex(text.replace(/^0X/, '0x'), 32, `“${shorten(text)}”`)
  if (/^[1-9]\d{0,14}$/.test(text)) return Number(text)
  throw new SpbError('input/number', `“${shorten(text)}” is neither the number nor id of a CTP.`, {
    hint: 'List them: spb trades.',
  })
}
