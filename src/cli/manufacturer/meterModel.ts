import { type Bytes32, bytesToHex, hexToBytes } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** One less than a certificate’s field has, so that a text always ends in it. */
const mostBytes = 31
/** Neither control nor direction characters: a terminal shows a model as it is. */
const readable = /^(?! )[^\p{C}\p{Zl}\p{Zp}]+(?<! )$/u

/**
 * A model’s text as a certificate names it: UTF-8, filled up with zeros.
 *
 * Throws `input/option` for over 31 bytes, control characters, and spaces at its ends.
 */
export function encodeModel(text: string): Bytes32 {
  const bytes = new TextEncoder().encode(text)
  if (bytes.length > mostBytes || !readable.test(text)) {
    throw new SpbError('input/option', 'This is not the name of a model.', {
      hint: `Write 1 to ${mostBytes} bytes of readable text, for example "Elster AS1440".`,
    })
  }
  const padded = new Uint8Array(32)
  padded.set(bytes)
  return bytesToHex(padded)
}

/** A certificate’s model for a person’s eyes: its text; in hexadecimal where it is none. */
export function formatModel(model: Bytes32): string {
  const bytes = hexToBytes(model)
  const used = bytes.subarray(0, bytes.findLastIndex((byte) => byte !== 0) + 1)
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(used)
    return readable.test(text) && used.length <= mostBytes ? text : model
  } catch {
    return model
  }
}
