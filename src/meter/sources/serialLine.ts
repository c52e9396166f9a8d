import { SpbError } from '../../protocol/spbError.ts'
import type { ByteLine, ByteLineEvents } from './byteLine.ts'
import { reportLost } from './connectionFailure.ts'

/** A serial device and how it is set. */
export type SerialSettings = {
  path: string
  baudRate: number
  dataBits: 7 | 8
  parity: 'none' | 'even' | 'odd'
  stopBits: 1 | 2
}

/** The part of serialport's class that is used. */
export type SerialPortLike = {
  open(onOpened: (error: Error | null) => void): void
  close(onClosed: (error: Error | null) => void): void
  readonly isOpen: boolean
  on(event: 'data', listener: (chunk: Uint8Array) => void): unknown
  on(event: 'close' | 'error', listener: (error?: Error | null) => void): unknown
}

/** Makes a port that is not open yet. */
export type SerialPortMaker = (settings: SerialSettings) => SerialPortLike

async function loadSerialPort(): Promise<SerialPortMaker> {
  // Native code: loaded only where a serial device is asked for.
  const { SerialPort } = await import('serialport')
  return (settings) => new SerialPort({ ...settings, autoOpen: false })
}

/**
 * Opens a serial device. Loses it with `source/unreachable`, `source/lost`, or `source/no-serial`
 * where this machine has no means to read one.
 */
export function openSerialLine(
  settings: SerialSettings,
  events: ByteLineEvents,
  load: () => Promise<SerialPortMaker> = loadSerialPort,
): ByteLine {
  const { path } = settings
  let isOver = false
  const lose = (cause: SpbError) => {
    if (isOver) return
    isOver = true
    events.onLost(cause)
  }
  const opening = openPort(settings, load).then(
    (port) => {
      port.on('data', (chunk) => {
        if (!isOver) events.onBytes(chunk)
      })
      port.on('error', (error) => lose(reportLost(path, error)))
      // Unplugged, or ended by the system.
      port.on('close', (error) => lose(reportLost(path, error ?? undefined)))
      return port
    },
    (cause: SpbError) => {
      lose(cause)
      return undefined
    },
  )
  return {
    async close() {
      isOver = true
      const port = await opening
      if (port?.isOpen) await new Promise<void>((resolve) => port.close(() => resolve()))
    },
  }
}

async function openPort(
  settings: SerialSettings,
  load: () => Promise<SerialPortMaker>,
): Promise<SerialPortLike> {
  let make: SerialPortMaker
  try {
    make = await load()
  } catch (cause) {
    throw new SpbError('source/no-serial', undefined, { cause })
  }
  return new Promise((resolve, reject) => {
    const port = make(settings)
    port.open((error) => {
      if (error === null || error === undefined) return resolve(port)
      const { path } = settings
      const message = `${path} cannot be opened: ${error.message.slice(0, 200)}.`
      reject(new SpbError('source/unreachable', message, { meta: { path }, cause: error }))
    })
  })
}
