import { describe, expect, it } from 'vitest'
import { ByteReader } from '../byteReader.ts'
import { ByteWriter } from '../byteWriter.ts'
import { type ErrorCode, errorTable } from '../errorTable.ts'
import { numberedCodes, readCode, writeCode } from './codeWire.ts'

function carry(code: ErrorCode): ErrorCode {
  const writer = new ByteWriter()
  writeCode(writer, code)
  return readCode(new ByteReader(writer.finish()))
}

describe('codes on the wire', () => {
  it('are each carried as themselves', () => {
    expect(new Set(numberedCodes).size).toBe(numberedCodes.length)
    expect(numberedCodes.map(carry)).toEqual(numberedCodes)
  })

  it('keep their numbers: new ones come at the end', () => {
    const some = ['node/internal', 'node/bad-answer', 'merkle/invalid-path', 'store/failed']
    const numbers = some.map((code) => numberedCodes.indexOf(code as ErrorCode))
    expect(numbers).toEqual([0, 1, 17, 57])
  })

  it('are all those that a member can refuse with', () => {
    const groups = [
      ...['signature', 'merkle', 'certificate', 'ctp', 'offer', 'erc', 'node'],
      ...['settlement', 'epoch', 'network', 'sync'],
    ]
    const codes = Object.keys(errorTable) as ErrorCode[]
    const refusals = codes.filter((code) => groups.includes(code.split('/')[0]!))
    // A code that is missing here is added at the end of `numberedCodes`.
    expect(refusals.filter((code) => !numberedCodes.includes(code))).toEqual([])
  })

  it('without a number become a general one, and unknown numbers another', () => {
    expect(carry('profile/no-files')).toBe('node/internal')
    expect(readCode(new ByteReader(Uint8Array.of(255, 255)))).toBe('node/bad-answer')
  })
})
