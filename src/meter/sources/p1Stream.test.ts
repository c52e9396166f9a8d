import { describe, expect, it } from 'vitest'
import { cipheredFrame, makeHdlcFrame, makeP1Telegram, p1Examples } from './p1Examples.cases.ts'
import { P1Stream } from './p1Stream.ts'
import { parseP1Telegram } from './p1Telegram.ts'
import { sourceLimits } from './sourceLimits.ts'

function cut(...chunks: (string | Uint8Array)[]) {
  const telegrams: string[] = []
  const codes: string[] = []
  const stream = new P1Stream({
    onTelegram: (telegram) => telegrams.push(Buffer.from(telegram).toString('latin1')),
    onRefused: ({ code }) => codes.push(code),
  })
  for (const chunk of chunks) {
    stream.push(typeof chunk === 'string' ? Buffer.from(chunk, 'latin1') : chunk)
  }
  return { telegrams, codes, stream }
}

const telegram = makeP1Telegram('1-0:1.8.1(000001.000*kWh)')
const sealed = telegram.trimEnd()
const all = p1Examples.map(({ text }) => text)

describe('P1Stream', () => {
  it('cuts many telegrams out of one chunk', () => {
    const { telegrams, codes } = cut(all.join(''))
    expect(telegrams).toEqual(all.map((text) => text.trimEnd()))
    expect(codes).toEqual([])
  })

  it.each([1, 2, 3, 7, 64, 1000])('joins telegrams out of chunks of %i bytes', (size) => {
    const bytes = Buffer.from(all.join('\r\n'), 'latin1')
    const chunks = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
      bytes.subarray(at * size, (at + 1) * size),
    )
    expect(cut(...chunks).telegrams).toEqual(all.map((text) => text.trimEnd()))
  })

  it('gives a telegram with its last CRC digit, one without CRC with its line’s end', () => {
    expect(cut(sealed).telegrams).toEqual([sealed])
    const old = all[0] ?? ''
    expect(cut(old.slice(0, -2)).telegrams).toEqual([])
    expect(cut(old.slice(0, -1)).telegrams).toEqual([old.trimEnd()])
  })

  it('passes over what is between telegrams, slashes too', () => {
    const { telegrams, codes } = cut('half a telegram\r\n!1234\r\n/', telegram, '/a//', telegram)
    expect(telegrams).toEqual([sealed, sealed])
    expect(codes).toEqual([])
  })

  it('tells a telegram that another one interrupts', () => {
    const { telegrams, codes } = cut(telegram.slice(0, 40), telegram)
    expect(telegrams).toEqual([sealed])
    expect(codes).toEqual(['source/truncated'])
  })

  it('takes a slash in a meter’s name for a part of it', () => {
    const text = telegram.replace('TEST', 'TE/ST')
    expect(cut(text).telegrams).toEqual([text.trimEnd()])
  })

  it('gives up a telegram of more than 8 KiB, and finds the next one', () => {
    const longest = makeP1Telegram(`0-0:96.13.0(${'4'.repeat(8_100)})`)
    expect(longest.trimEnd().length).toBeLessThanOrEqual(sourceLimits.telegramBytes)
    expect(cut(longest).telegrams).toHaveLength(1)
    const tooLong = makeP1Telegram(`0-0:96.13.0(${'4'.repeat(8_200)})`)
    const { telegrams, codes } = cut(tooLong, telegram)
    expect(telegrams).toEqual([sealed])
    expect(codes).toEqual(['source/too-large'])
  })

  it('says that a line carries noise, once in 4,096 bytes', () => {
    expect(cut('\x80'.repeat(4_095)).codes).toEqual([])
    expect(cut('\x80'.repeat(4_096)).codes).toEqual(['source/noise'])
    expect(cut('\x80'.repeat(8_192)).codes).toEqual(['source/noise', 'source/noise'])
    expect(cut('\x80'.repeat(4_000), telegram, '\x80'.repeat(4_000)).codes).toEqual([])
  })

  it('tells at the stream’s end what is cut off, and what only lacks its line’s end', () => {
    const { stream, codes } = cut(telegram.slice(0, 40))
    stream.end()
    expect(codes).toEqual(['source/truncated'])
    const old = cut((all[0] ?? '').trimEnd())
    old.stream.end()
    expect(old.telegrams).toEqual([(all[0] ?? '').trimEnd()])
    const empty = cut(telegram, '\r\n')
    empty.stream.end()
    expect(empty.codes).toEqual([])
  })

  it.each([
    ['a ciphered DLMS message', cipheredFrame],
    ['a short HDLC frame', makeHdlcFrame(10)],
    ['a long HDLC frame', makeHdlcFrame(700)],
    ['an M-Bus frame', Uint8Array.from([0x68, 0xfa, 0xfa, 0x68, 0x53])],
  ])('knows %s', (_, frame) => {
    expect(cut(frame).codes).toEqual(['source/encrypted'])
    expect(cut('\x80\x7e', ...Array.from(frame, (byte) => Uint8Array.of(byte))).codes).toEqual([
      'source/encrypted',
    ])
  })

  it('takes other bytes for no frame', () => {
    const notHdlc = makeHdlcFrame(50)
    notHdlc[51] = 0
    const notCiphered = Uint8Array.from(cipheredFrame)
    notCiphered[10] = 0x30
    expect(cut(notHdlc, notCiphered, 'h\x01\x01h').codes).toEqual([])
  })

  it('keeps its measure with 10,000 telegrams at once', () => {
    let count = 0
    let largest = 0
    const stream = new P1Stream({
      onTelegram: (bytes) => {
        count++
        largest = Math.max(largest, bytes.buffer.byteLength)
      },
      onRefused: (error) => expect.unreachable(error.code),
    })
    stream.push(Buffer.from(telegram.repeat(10_000), 'latin1'))
    expect(count).toBe(10_000)
    // Each has bytes of its own: nothing holds on to the chunk.
    expect(largest).toBe(sealed.length)
  })

  it('gives what the parser reads', () => {
    const [first] = cut(telegram).telegrams
    expect(parseP1Telegram(Buffer.from(first ?? '', 'latin1')).importWh).toBe(1000)
  })
})
