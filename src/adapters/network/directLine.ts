import type { Stream, StreamMessageEvent } from '@libp2p/interface'
import { networkLimits } from '../../ports/network.ts'
import { toCodedError } from '../../protocol/spbError.ts'
import { FrameReader, frameHeaderBytes, writeFrame } from './frameReader.ts'
import { trafficLimits } from './trafficLimits.ts'
import { TrafficPace } from './trafficPace.ts'

/** What is made of a line. */
export type LineEvents = {
  onMessage(bytes: Uint8Array): void
  /** The peer broke the rules of frames. */
  onBroken(code: string): void
  /** One of the two streams ended. */
  onEnd(): void
}

/**
 * Direct messages with one peer, over one long-lived stream each way.
 *
 * What it sends waits in the stream's buffer, up to `queuedBytesPerPeer`; what it gets is read at
 * a pace, and a peer that sends faster is not read until it may go on.
 */
export class DirectLine {
  readonly #events: LineEvents
  readonly #pace: TrafficPace
  #out: Stream | undefined
  #in: Stream | undefined
  #reader = new FrameReader()
  #pending: Uint8Array[] = []
  #pendingBytes = 0
  #flushedBytes = 0
  #progress = { sentBytes: 0, atMs: 0 }
  #isReading = false
  #isResuming = false
  #rest: NodeJS.Timeout | undefined
  #isEnded = false

  constructor(events: LineEvents, nowMs: () => number) {
    this.#events = events
    this.#pace = new TrafficPace(nowMs)
  }

  /** Sends over this stream from now on. */
  openOut(stream: Stream): void {
    this.#out = stream
    stream.addEventListener('close', () => this.#end(), { once: true })
  }

  /** Takes this stream for what comes; an earlier one is given up. */
  openIn(stream: Stream): void {
    const before = this.#in
    this.#in = stream
    this.#reader = new FrameReader()
    before?.abort(new Error('Replaced by a newer stream.'))
    stream.addEventListener('close', () => {
      if (this.#in === stream) this.#end()
    })
    this.#adjustFlow()
    stream.addEventListener('message', (event) => this.#take(stream, event))
  }

  /** Begins to tell what comes. */
  startReading(): void {
    this.#isReading = true
    this.#adjustFlow()
  }

  /** Queues a message; false where it is dropped, since too much waits already. */
  send(bytes: Uint8Array): boolean {
    if (this.#out === undefined || this.#isEnded) return false
    const queued = this.#pendingBytes + this.#out.writeBufferLength
    if (queued + frameHeaderBytes + bytes.length > networkLimits.queuedBytesPerPeer) return false
    const frame = writeFrame(bytes)
    // What is sent in one go is encrypted in one go.
    if (this.#pending.length === 0) queueMicrotask(() => this.#flush())
    this.#pending.push(frame)
    this.#pendingBytes += frame.length
    return true
  }

  /** True where a peer has read nothing for too long of what waits for it; ask now and then. */
  isStalled(nowMs: number): boolean {
    const waiting = this.#out?.writeBufferLength ?? 0
    const sentBytes = this.#flushedBytes - waiting
    if (waiting === 0 || sentBytes !== this.#progress.sentBytes) {
      this.#progress = { sentBytes, atMs: nowMs }
    }
    return nowMs - this.#progress.atMs >= trafficLimits.stalledMs
  }

  /** Ends both streams. */
  close(): void {
    this.#isEnded = true
    clearTimeout(this.#rest)
    this.#pending = []
    for (const stream of [this.#out, this.#in]) stream?.abort(new Error('The line is closed.'))
  }

  #end(): void {
    if (this.#isEnded) return
    this.close()
    this.#events.onEnd()
  }

  #flush(): void {
    const frames = this.#pending
    this.#pending = []
    this.#pendingBytes = 0
    if (this.#isEnded || this.#out === undefined || frames.length === 0) return
    const bytes = frames.length === 1 ? frames[0]! : Buffer.concat(frames)
    this.#flushedBytes += bytes.length
    try {
      this.#out.send(bytes)
    } catch {
      this.#end()
    }
  }

  #take(stream: Stream, { data }: StreamMessageEvent): void {
    if (this.#isEnded || this.#in !== stream) return
    if (data instanceof Uint8Array) this.#reader.push(data)
    else for (const chunk of data) this.#reader.push(chunk)
    if (!this.#isResuming) this.#read()
  }

  #read(): void {
    while (this.#mayRead()) {
      const message = this.#nextMessage()
      if (message === undefined) break
      const waitMs = this.#pace.take(message.length)
      if (waitMs > 0) {
        this.#rest = setTimeout(() => {
          this.#rest = undefined
          this.#read()
        }, waitMs)
      }
      this.#events.onMessage(message)
    }
    this.#adjustFlow()
  }

  #nextMessage(): Uint8Array | undefined {
    try {
      return this.#reader.next()
    } catch (error) {
      this.#events.onBroken(toCodedError(error).code)
      this.#end()
      return undefined
    }
  }

  #mayRead(): boolean {
    return this.#isReading && this.#rest === undefined && !this.#isEnded
  }

  /** Lets the peer send only while it is read. */
  #adjustFlow(): void {
    const stream = this.#in
    if (stream === undefined || this.#isEnded || this.#isResuming) return
    if (!this.#mayRead()) {
      if (stream.readStatus === 'readable') stream.pause()
    } else if (stream.readStatus === 'paused') {
      // A pause while the stream resumes would not last: what it hands over is read afterwards.
      this.#isResuming = true
      stream.resume()
      this.#isResuming = false
      this.#read()
    }
  }
}
