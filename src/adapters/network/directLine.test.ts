import { type Stream, StreamMessageEvent } from '@libp2p/interface'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { networkLimits } from '../../ports/network.ts'
import { DirectLine } from './directLine.ts'
import { writeFrame } from './frameReader.ts'
import { trafficLimits } from './trafficLimits.ts'

/** A stream that keeps what is sent until it is drained. */
class FakeStream extends EventTarget {
  writeBufferLength = 0
  readStatus = 'readable'
  isAborted = false
  readonly sent: Uint8Array[] = []

  send(bytes: Uint8Array): boolean {
    this.sent.push(bytes)
    this.writeBufferLength += bytes.length
    return true
  }

  receive(bytes: Uint8Array): void {
    this.dispatchEvent(new StreamMessageEvent(bytes))
  }

  pause(): void {
    this.readStatus = 'paused'
  }

  resume(): void {
    this.readStatus = 'readable'
  }

  abort(): void {
    this.isAborted = true
    this.dispatchEvent(new Event('close'))
  }
}

const asStream = (stream: FakeStream) => stream as unknown as Stream

function openLine() {
  const log: string[] = []
  const line = new DirectLine(
    {
      onMessage: (bytes) => log.push(`${bytes}`),
      onBroken: (code) => log.push(code),
      onEnd: () => log.push('end'),
    },
    Date.now,
  )
  const [inbound, outbound] = [new FakeStream(), new FakeStream()]
  return { line, log, inbound, outbound }
}

beforeEach(() => {
  vi.useFakeTimers({ now: 1_000_000 })
})
afterEach(() => {
  vi.useRealTimers()
})

it('does not let a peer send before it reads', () => {
  const { line, log, inbound } = openLine()
  line.openIn(asStream(inbound))
  expect(inbound.readStatus).toBe('paused')
  line.startReading()
  expect(inbound.readStatus).toBe('readable')
  inbound.receive(writeFrame(Uint8Array.of(1)))
  expect(log).toEqual(['1'])
})

it('pauses a peer that sends faster than the pace, and loses nothing', async () => {
  const { line, log, inbound } = openLine()
  line.openIn(asStream(inbound))
  line.startReading()
  const total = 3 * trafficLimits.messagesPerSecond
  const frames = Array.from({ length: total }, (_, at) => writeFrame(Uint8Array.of(at & 0xff)))
  inbound.receive(Buffer.concat(frames))
  expect(log.length).toBe(2 * trafficLimits.messagesPerSecond + 1)
  expect(inbound.readStatus).toBe('paused')
  await vi.advanceTimersByTimeAsync(500)
  expect(log.length).toBeLessThan(total)
  await vi.advanceTimersByTimeAsync(1_000)
  expect(log).toEqual(Array.from({ length: total }, (_, at) => `${at & 0xff}`))
  expect(inbound.readStatus).toBe('readable')
})

it('sends in one go what is sent in one step, in order', async () => {
  const { line, outbound } = openLine()
  expect(line.send(Uint8Array.of(1))).toBe(false)
  line.openOut(asStream(outbound))
  for (const value of [1, 2, 3]) expect(line.send(Uint8Array.of(value))).toBe(true)
  await vi.advanceTimersByTimeAsync(0)
  expect(outbound.sent).toEqual([
    Buffer.concat([1, 2, 3].map((value) => writeFrame(Uint8Array.of(value)))),
  ])
})

it('finds a peer stalled that reads nothing of what waits, and no other', async () => {
  const { line, outbound } = openLine()
  line.openOut(asStream(outbound))
  const { stalledMs } = trafficLimits
  expect(line.isStalled(0)).toBe(false)
  expect(line.isStalled(stalledMs)).toBe(false)
  line.send(new Uint8Array(1_000))
  await vi.advanceTimersByTimeAsync(0)
  expect(line.isStalled(stalledMs + 1)).toBe(false)
  outbound.writeBufferLength -= 1
  expect(line.isStalled(2 * stalledMs)).toBe(false)
  expect(line.isStalled(3 * stalledMs - 1)).toBe(false)
  expect(line.isStalled(3 * stalledMs)).toBe(true)
})

it('drops what is over the queue', async () => {
  const { line, outbound } = openLine()
  line.openOut(asStream(outbound))
  outbound.writeBufferLength = networkLimits.queuedBytesPerPeer - 10
  expect(line.send(new Uint8Array(7))).toBe(false)
  expect(line.send(new Uint8Array(6))).toBe(true)
  expect(line.send(new Uint8Array(0))).toBe(false)
})

it('ends both ways when one stream ends, and once', () => {
  const { line, log, inbound, outbound } = openLine()
  line.openOut(asStream(outbound))
  line.openIn(asStream(inbound))
  outbound.abort()
  expect([log, inbound.isAborted]).toEqual([['end'], true])
  expect(line.send(Uint8Array.of(1))).toBe(false)
})

it('takes a newer stream for an older one', () => {
  const { line, log, inbound } = openLine()
  line.openIn(asStream(inbound))
  line.startReading()
  inbound.receive(writeFrame(new Uint8Array(50)).subarray(0, 20))
  const newer = new FakeStream()
  line.openIn(asStream(newer))
  newer.receive(writeFrame(Uint8Array.of(5)))
  expect([log, inbound.isAborted]).toEqual([['5'], true])
})

it('tells what rule of frames a peer broke', () => {
  const { line, log, inbound } = openLine()
  line.openIn(asStream(inbound))
  line.startReading()
  inbound.receive(Uint8Array.of(255, 0, 0, 0))
  expect(log).toEqual(['input/too-large', 'end'])
})
