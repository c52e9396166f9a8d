import { createReadStream, statSync } from 'node:fs'
import { resolve } from 'node:path'
import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { attemptReading } from './attemptReading.ts'
import type { ByteLine, ByteLineEvents } from './byteLine.ts'
import { type Connection, type ConnectionEvents, keepConnected } from './keepConnected.ts'
import { createP1Reader, type P1Reader } from './p1Reader.ts'
import { P1Stream } from './p1Stream.ts'
import type { ReadingSource, SourceEnvironment, SourceListener } from './readingSource.ts'
import { readSpeed, startReplay } from './replay.ts'
import { openSerialLine, type SerialSettings } from './serialLine.ts'
import { sourceLimits } from './sourceLimits.ts'
import {
  decodePart,
  formatHostAndPort,
  parseHostAndPort,
  readOptions,
  readWholeNumber,
  refuseSpec,
  type SourceSpec,
} from './sourceSpec.ts'
import { startSourceTimer } from './sourceTimer.ts'
import { openTcpLine } from './tcpLine.ts'

/** Opens the way to a P1 port. */
type LineOpener = (events: ByteLineEvents) => ByteLine

/**
 * A meter's P1 port: `p1:tcp://HOST:PORT`, `p1:/dev/ttyUSB0` or a file of telegrams, `p1:FILE`.
 *
 * Throws `source/option`, and `file/unreadable` for what is neither a file nor a device.
 */
export function openP1Source(spec: SourceSpec, environment: SourceEnvironment): ReadingSource {
  const { place } = spec
  if (place.startsWith('tcp://')) {
    readOptions(spec, [])
    const to = parseHostAndPort(place.slice('tcp://'.length), undefined)
    return openP1Line(`p1:tcp://${formatHostAndPort(to)}`, environment, (events) =>
      openTcpLine(to, events),
    )
  }
  const written = decodePart(place)
  if (written === '') throw refuseSpec('The source names no P1 port.', 'Write p1:tcp://HOST:PORT.')
  const path = resolve(environment.cwd, written)
  const name = `p1:${written}`
  if (isRegularFile(path)) {
    const { speed } = readOptions(spec, ['speed'])
    return openP1File(name, path, environment, readSpeed(speed))
  }
  const settings = readSerialSettings(spec, isPortName(written) ? written : path)
  return openP1Line(name, environment, (events) => openSerialLine(settings, events))
}

const isPortName = (text: string): boolean => /^COM\d{1,3}$/i.test(text)

/** False for a device, also one that is not plugged in yet. */
function isRegularFile(path: string): boolean {
  const found = statSync(path, { throwIfNoEntry: false })
  if (found?.isCharacterDevice()) return false
  if (found?.isFile()) return true
  if (found === undefined && (path.startsWith('/dev/') || isPortName(path))) return false
  throw new SpbError('file/unreadable', `${path} is neither a file nor a serial device.`)
}

function readSerialSettings(spec: SourceSpec, path: string): SerialSettings {
  const { baud = '115200', format = '8N1' } = readOptions(spec, ['baud', 'format'])
  const [, dataBits, parity = '', stopBits] = /^([78])([NEO])([12])$/.exec(format) ?? []
  if (dataBits === undefined) {
    throw refuseSpec('The option format is not understood.', 'Write 8N1, or 7E1 for DSMR 2 and 3.')
  }
  return {
    path,
    baudRate: readWholeNumber(baud, 'baud', 300, 921_600),
    dataBits: dataBits === '7' ? 7 : 8,
    parity: parity === 'E' ? 'even' : parity === 'O' ? 'odd' : 'none',
    stopBits: stopBits === '2' ? 2 : 1,
  }
}

/** A source over any line, which is opened anew after each failure. */
export function openP1Line(
  name: string,
  environment: SourceEnvironment,
  openLine: LineOpener,
): ReadingSource {
  let kept: { close(): Promise<void> } | undefined
  return {
    name,
    start(listener) {
      const reader = createP1Reader(() => environment.nowMs())
      kept = keepConnected(
        environment,
        (state) => listener.onState(state),
        (events) => readLine(reader, { environment, listener, events, openLine }),
      )
    },
    async close() {
      await kept?.close()
    },
  }
}

function readLine(
  reader: P1Reader,
  parts: {
    environment: SourceEnvironment
    listener: SourceListener
    events: ConnectionEvents
    openLine: LineOpener
  },
): Connection {
  const { environment, listener, events, openLine } = parts
  let isOver = false
  let lastRefusal: SpbError | undefined
  let stopWatch: () => void = () => undefined
  const watchSilence = () => {
    stopWatch()
    stopWatch = startSourceTimer(environment, sourceLimits.p1SilenceMs, () => {
      events.onLost(lastRefusal ?? new SpbError('source/silent', 'The P1 port sends nothing.'))
    })
  }
  const refuse = (error: SpbError) => {
    if (isOver) return
    lastRefusal = error
    listener.onRefused(error)
    // It will not become plain by itself: less often, and with its cause.
    if (error.code === 'source/encrypted') events.onLost(error)
  }
  const stream = new P1Stream({
    onTelegram: (telegram) => {
      if (isOver) return
      const reading = attemptReading(() => reader.read(telegram), refuse)
      if (reading === undefined) return
      lastRefusal = undefined
      watchSilence()
      events.onGood()
      listener.onReading(reading)
    },
    onRefused: refuse,
  })
  watchSilence()
  const line = openLine({
    onBytes: (chunk) => stream.push(chunk),
    onLost: (cause) => events.onLost(cause),
  })
  return {
    close() {
      isOver = true
      stopWatch()
      return line.close()
    },
  }
}

function openP1File(
  name: string,
  path: string,
  environment: SourceEnvironment,
  speed: number | undefined,
): ReadingSource {
  let replay: { close(): Promise<void> } | undefined
  return {
    name,
    start(listener) {
      const readings = readP1File(
        path,
        createP1Reader(() => environment.nowMs()),
        listener,
      )
      replay = startReplay(readings, { environment, listener, speed })
    },
    async close() {
      await replay?.close()
    },
  }
}

async function* readP1File(
  path: string,
  reader: P1Reader,
  listener: SourceListener,
): AsyncGenerator<MeterReading> {
  const refuse = (error: SpbError) => listener.onRefused(error)
  let waiting: MeterReading[] = []
  const stream = new P1Stream({
    onTelegram: (telegram) => {
      const reading = attemptReading(() => reader.read(telegram), refuse)
      if (reading !== undefined) waiting.push(reading)
    },
    onRefused: refuse,
  })
  const take = () => {
    const taken = waiting
    waiting = []
    return taken
  }
  try {
    for await (const chunk of createReadStream(path) as AsyncIterable<Uint8Array>) {
      stream.push(chunk)
      yield* take()
    }
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException
    if (code === undefined) throw cause
    throw new SpbError('file/unreadable', `${path} cannot be read (${code}).`, { cause })
  }
  stream.end()
  yield* take()
}
