import { connect, type Socket } from 'node:net'
import type { ModbusRTU } from 'modbus-serial/ModbusRTU.js'
import { SpbError } from '../../protocol/spbError.ts'
import { codeOfFailure, refuseConnection, reportLost } from './connectionFailure.ts'
import { sourceLimits } from './sourceLimits.ts'
import { formatHostAndPort, type HostAndPort } from './sourceSpec.ts'
import type { Registers } from './sunspecRegisters.ts'

/** A Modbus TCP client of one device. */
export type ModbusConnection = {
  /** Reads holding registers, 1 to 125. Throws `source/*`. */
  read(address: number, count: number): Promise<Registers>
  /** Cuts it. */
  close(): void
}

/** Exceptions by which a gateway says that it does not reach the device (Modbus 1.1b3, 7). */
const gatewayExceptions = [0x0a, 0x0b]

/**
 * Connects to a device, or to a gateway before it; the signal cuts it at any time.
 *
 * Throws `source/unreachable`. Reading throws `source/silent` after 3 s, `source/modbus-exception`,
 * `source/gateway`, `source/lost`.
 */
export async function openModbus(
  to: HostAndPort,
  unit: number,
  signal: AbortSignal,
): Promise<ModbusConnection> {
  const place = formatHostAndPort(to)
  const library = await import('modbus-serial')
  const socket = await openSocket(to, signal)
  const client: ModbusRTU = new library.default.default()
  client.on('error', () => undefined)
  client.setID(unit)
  client.setTimeout(sourceLimits.modbusAnswerMs)
  // The library itself would wait for the answer of a connection that is gone.
  let failPending: (cause: SpbError) => void = () => undefined
  let failure: unknown
  socket.on('error', (error) => {
    failure = error
  })
  socket.on('close', () => failPending(reportLost(place, failure)))
  await client.linkTCP(socket, { port: to.port })
  return {
    async read(address, count) {
      if (socket.destroyed) throw reportLost(place, failure)
      const data = await new Promise<Registers>((resolve, reject) => {
        failPending = reject
        const fail = (error: unknown) => reject(refuseAnswer(place, error))
        client.readHoldingRegisters(address, count).then((answer) => resolve(answer.data), fail)
      })
      if (data.length === count) return data
      throw new SpbError('source/lost', `${place} gave ${data.length} registers for ${count}.`)
    },
    // The library calls what it is given in any case.
    close: () => client.destroy(() => undefined),
  }
}

/** A connected socket of our own: the library neither ends its attempts nor tells of resets. */
function openSocket(to: HostAndPort, signal: AbortSignal): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect({ ...to, signal })
    const timer = setTimeout(() => {
      socket.destroy(Object.assign(new Error('No connection in time'), { code: 'ETIMEDOUT' }))
    }, sourceLimits.connectMs)
    socket.on('error', (error) => {
      clearTimeout(timer)
      reject(refuseConnection(formatHostAndPort(to), error))
    })
    socket.once('connect', () => {
      clearTimeout(timer)
      resolve(socket)
    })
  })
}

function refuseAnswer(place: string, error: unknown): SpbError {
  const { modbusCode } = (error ?? {}) as { modbusCode?: unknown }
  if (typeof modbusCode === 'number') {
    const isGateway = gatewayExceptions.includes(modbusCode)
    const code = isGateway ? 'source/gateway' : 'source/modbus-exception'
    const message = `${place} answered with Modbus exception ${modbusCode}.`
    return new SpbError(code, message, { meta: { exception: modbusCode }, cause: error })
  }
  if (codeOfFailure(error) === 'ETIMEDOUT') {
    const limit = sourceLimits.modbusAnswerMs / 1000
    return new SpbError('source/silent', `${place} did not answer within ${limit} s.`, {
      cause: error,
    })
  }
  return reportLost(place, error)
}
