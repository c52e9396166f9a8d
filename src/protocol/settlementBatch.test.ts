import { describe, expect, it } from 'vitest'
import { makeCtp, makeSubmission } from '../../test/protocol/tradeFixture.ts'
import { ByteReader } from './byteReader.ts'
import { bytesToHex, type Hex, hexToBytes } from './bytes.ts'
import { ByteWriter } from './byteWriter.ts'
import { keccak256 } from './keccak.ts'
import {
  type BatchItem,
  batchItemBytes,
  itemsHashOf,
  packBatch,
  readCtp,
  unpackBatch,
  writeCtp,
} from './settlementBatch.ts'
import { maxUint32, seconds, wei, wh } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const { submission } = makeSubmission()
const item: BatchItem = {
  ctp: submission.ctp,
  consumerSignature: submission.consumerSignature,
  deliveredWh: wh(1499),
}

describe('packBatch', () => {
  it('writes every field at its place', () => {
    const ctp = makeCtp({
      producer: `0x${'a1'.repeat(20)}`,
      offerId: 0x0102030405060708n,
      amountWei: wei(0x1112131415161718191a1b1cn),
      energyWh: wh(0x21222324),
      nonce: 0x31323334,
      expirySeconds: seconds(0x4142434445),
      meterKey: `0x${'b2'.repeat(20)}`,
    })
    const packed = packBatch([{ ...item, ctp, deliveredWh: wh(0x51525354) }])
    const fields = [
      ...['a1'.repeat(20), '0102030405060708', '1112131415161718191a1b1c', '21222324'],
      ...['31323334', '4142434445', 'b2'.repeat(20), '51525354'],
      item.consumerSignature.slice(2),
    ]
    expect(packed).toBe(`0x${fields.join('')}`)
    expect(packed).toHaveLength(2 + 2 * batchItemBytes)
  })

  it('packs items one after the other', () => {
    const second = { ...item, deliveredWh: wh(maxUint32) }
    expect(packBatch([item, second])).toBe(`${packBatch([item])}${packBatch([second]).slice(2)}`)
  })
})

describe('unpackBatch', () => {
  it.each([1, 2, 256])('reads a batch of %i', (count) => {
    const items = Array.from({ length: count }, (_, nonce) => ({
      ...item,
      ctp: makeCtp({ nonce }),
    }))
    expect(unpackBatch(packBatch(items))).toEqual(items)
  })

  it('reads upper case', () => {
    const upper = `0x${packBatch([item]).slice(2).toUpperCase()}` as Hex
    expect(unpackBatch(upper)).toEqual([item])
  })

  it.each([
    ['no item', '0x'],
    ['a byte less', `0x${'00'.repeat(140)}`],
    ['a byte more', `0x${'00'.repeat(142)}`],
    ['257 items', `0x${'00'.repeat(257 * 141)}`],
    ['a million items', `0x${'00'.repeat(1_000_000)}`],
  ])('refuses %s', (_name, packed) => {
    expect(() => unpackBatch(packed as Hex)).toThrow(refusal('input/shape'))
  })

  it.each([
    ['half a byte', `0x${'0'.repeat(281)}`],
    ['half a byte more', `${packBatch([item])}0`],
    ['other letters', `0x${'zz'.repeat(141)}`],
    ['no prefix', '00'.repeat(142)],
    ['nothing', ''],
  ])('refuses %s', (_name, packed) => {
    expect(() => unpackBatch(packed as Hex)).toThrow(refusal('input/hex'))
  })
})

describe('writeCtp and readCtp', () => {
  it('take 73 bytes there and back', () => {
    const writer = new ByteWriter(0)
    writeCtp(writer, item.ctp)
    const bytes = writer.finish()
    expect(bytes).toHaveLength(73)
    const reader = new ByteReader(bytes)
    expect(readCtp(reader)).toEqual(item.ctp)
    reader.finish()
    expect(() => readCtp(new ByteReader(bytes.subarray(1)))).toThrow(refusal('input/shape'))
  })
})

describe('itemsHashOf', () => {
  it('hashes the packed bytes', () => {
    const packed = packBatch([item])
    expect(itemsHashOf(packed)).toBe(bytesToHex(keccak256(hexToBytes(packed))))
  })
})
