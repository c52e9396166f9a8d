import fc from 'fast-check'
import { expect, it } from 'vitest'
import { networkLimits } from '../../ports/network.ts'
import { FrameReader, writeFrame } from './frameReader.ts'

const message = fc.oneof(fc.uint8Array({ maxLength: 20 }), fc.constant(new Uint8Array(9_000)))

it('reads what was written, however the stream is cut', () => {
  const check = fc.property(
    fc.array(message, { maxLength: 12 }),
    fc.array(fc.nat({ max: 5_000 }), { minLength: 1, maxLength: 20 }),
    (messages, cuts) => {
      const stream = Buffer.concat(messages.map(writeFrame))
      const reader = new FrameReader()
      const found: Uint8Array[] = []
      let at = 0
      for (let turn = 0; at < stream.length; turn += 1) {
        // No piece is empty, so that there is an end.
        const end = at + 1 + cuts[turn % cuts.length]!
        reader.push(stream.subarray(at, end))
        at = end
        for (let next = reader.next(); next !== undefined; next = reader.next()) found.push(next)
      }
      expect(found).toEqual(messages)
      expect(reader.next()).toBeUndefined()
    },
  )
  fc.assert(check, { seed: 1, numRuns: 100 })
})

it('refuses a message over the limit by its length alone', () => {
  const frameOf = (length: number) => {
    const frame = new Uint8Array(4)
    new DataView(frame.buffer).setUint32(0, length)
    return frame
  }
  const reader = new FrameReader()
  reader.push(frameOf(networkLimits.messageBytes))
  expect(reader.next()).toBeUndefined()
  for (const length of [networkLimits.messageBytes + 1, 2 ** 32 - 1]) {
    const refusing = new FrameReader()
    refusing.push(frameOf(length))
    expect(() => refusing.next()).toThrow(expect.objectContaining({ code: 'input/too-large' }))
  }
})

it('gives messages that do not change when more comes', () => {
  const reader = new FrameReader()
  reader.push(writeFrame(Uint8Array.of(1, 2)))
  const first = reader.next()
  reader.push(writeFrame(Uint8Array.of(3, 4)))
  expect([first, reader.next()]).toEqual([Uint8Array.of(1, 2), Uint8Array.of(3, 4)])
})
