import { decodeHex, decodeList, decodeNumber, decodeObject } from './decodeMessage.ts'
import type { MerklePath } from './merkle.ts'

/** Parses a Merkle path of at most `height` siblings from JSON. Throws `input/*`. */
export function decodeMerklePath(value: unknown, height: number): MerklePath {
  const { index, siblings } = decodeObject(value, ['index', 'siblings'], 'path')
  return {
    index: decodeNumber(index, 2 ** height - 1, 'index'),
    siblings: decodeList(siblings, height, 'siblings', (hash) => decodeHex(hash, 32, 'sibling')),
  }
}
