import { parseDuration } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import { type Connection, type ConnectionEvents, keepConnected } from './keepConnected.ts'
import { type ModbusConnection, openModbus } from './modbusConnection.ts'
import type { ReadingSource, SourceEnvironment, SourceListener } from './readingSource.ts'
import {
  formatHostAndPort,
  type HostAndPort,
  parseHostAndPort,
  readOptions,
  readWholeNumber,
  refuseSpec,
  type SourceSpec,
} from './sourceSpec.ts'
import { startSourceTimer } from './sourceTimer.ts'
import { sunspecModelIds } from './sunspecModels.ts'
import { findSunspecPlace, readSunspecPlace } from './sunspecReader.ts'

const modbusPort = 502
const [shortestSeconds, longestSeconds] = [1, 3_600]

type SunspecOptions = HostAndPort & { unit: number; everyMs: number; modelId?: number }

/**
 * A SunSpec device over Modbus TCP that is asked again and again: `sunspec://HOST:PORT?every=10s`.
 *
 * Throws `source/option`, `input/duration`.
 */
export function openSunspecSource(spec: SourceSpec, environment: SourceEnvironment): ReadingSource {
  const options = readSunspecOptions(spec)
  let kept: { close(): Promise<void> } | undefined
  return {
    name: `sunspec://${formatHostAndPort(options)}?unit=${options.unit}`,
    start(listener) {
      kept = keepConnected(
        environment,
        (state) => listener.onState(state),
        (events) => pollDevice(options, { environment, listener, events }),
      )
    },
    async close() {
      await kept?.close()
    },
  }
}

function readSunspecOptions(spec: SourceSpec): SunspecOptions {
  const options = readOptions(spec, ['unit', 'every', 'model'])
  if (!spec.place.startsWith('//')) {
    throw refuseSpec('The source does not say where the device is.', 'Write sunspec://HOST:PORT.')
  }
  const to = parseHostAndPort(spec.place.slice(2).replace(/\/$/, ''), modbusPort)
  const everySeconds = parseDuration(options.every ?? '10s')
  if (everySeconds < shortestSeconds || everySeconds > longestSeconds) {
    throw refuseSpec('The option every is not from 1s to 1h.')
  }
  const unit = readWholeNumber(options.unit ?? '1', 'unit', 0, 255)
  const polled = { ...to, unit, everyMs: everySeconds * 1000 }
  if (options.model === undefined) return polled
  const modelId = sunspecModelIds.find((id) => String(id) === options.model)
  if (modelId !== undefined) return { ...polled, modelId }
  throw refuseSpec('The option model is not understood.', `Write ${sunspecModelIds.join(', ')}.`)
}

function pollDevice(
  options: SunspecOptions,
  parts: { environment: SourceEnvironment; listener: SourceListener; events: ConnectionEvents },
): Connection {
  const { environment, listener, events } = parts
  const ending = new AbortController()
  const { signal } = ending
  let connection: ModbusConnection | undefined

  const waitForNext = () =>
    new Promise<void>((resolve) => {
      if (signal.aborted) return resolve()
      const stop = startSourceTimer(environment, options.everyMs, resolve)
      signal.onabort = () => {
        stop()
        resolve()
      }
    })

  const poll = async (): Promise<void> => {
    connection = await openModbus(options, options.unit, signal)
    const { read } = connection
    const place = await findSunspecPlace(read, options.modelId)
    while (!signal.aborted) {
      const energy = await readSunspecPlace(read, place)
      if (signal.aborted) return
      events.onGood()
      listener.onReading({
        timeSeconds: seconds(Math.floor(environment.nowMs() / 1000)),
        ...energy,
      })
      await waitForNext()
    }
  }

  const polling = poll()
    .catch((error) => {
      if (!(error instanceof SpbError)) throw error
      if (signal.aborted) return
      if (isRefusal(error)) listener.onRefused(error)
      events.onLost(error)
    })
    .finally(() => connection?.close())
  return {
    close() {
      ending.abort()
      return polling
    },
  }
}

/** Something came, and is not used; as opposed to nothing. */
const isRefusal = ({ code }: SpbError): boolean =>
  code === 'source/not-implemented' || code === 'source/value'
