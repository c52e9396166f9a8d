import { closeSync, openSync, readSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { replaceFile } from '../../adapters/meter/replaceFile.ts'
import { SpbError } from '../../protocol/spbError.ts'
import {
  formatTradeProof,
  mostProofCharacters,
  parseTradeProof,
  type TradeProof,
} from '../../protocol/tradeProof.ts'
import { makeFolder } from '../dataFolder.ts'

/** The beginning of a file, one byte more than a proof has at most: enough to refuse it. */
function readBeginning(path: string): Buffer {
  const bytes = Buffer.alloc(mostProofCharacters + 1)
  const file = openSync(path, 'r')
  try {
    let length = 0
    for (;;) {
      const count = readSync(file, bytes, length, bytes.length - length, null)
      length += count
      if (count === 0 || length === bytes.length) return bytes.subarray(0, length)
    }
  } finally {
    closeSync(file)
  }
}

/** Reads a proof's file. Throws `file/unreadable`, `input/*`. */
export function readProofFile(path: string): TradeProof {
  let bytes: Buffer
  try {
    bytes = readBeginning(path)
  } catch (cause) {
    throw new SpbError('file/unreadable', `The file ${path} cannot be read.`, { cause })
  }
  if (bytes.length > mostProofCharacters) {
    throw new SpbError('input/too-large', `A proof has at most ${mostProofCharacters} bytes.`)
  }
  return parseTradeProof(bytes.toString('utf8'))
}

/**
 * Writes a proof's file at once, for its owner only. Throws `file/exists` unless it may replace
 * one, `store/failed`.
 */
export function writeProofFile(
  path: string,
  proof: TradeProof,
  { isReplacing }: { isReplacing: boolean },
): void {
  makeFolder(dirname(path))
  const text = formatTradeProof(proof)
  try {
    if (isReplacing) replaceFile(path, text)
    else writeFileSync(path, text, { flag: 'wx', mode: 0o600 })
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'EEXIST') {
      throw new SpbError('file/exists', `There is a file ${path} already.`, { cause })
    }
    throw new SpbError('store/failed', `The file ${path} cannot be written.`, { cause })
  }
}
