import type { AddressInfo, Server } from 'node:net'
import { SpbError } from '../../protocol/spbError.ts'

/** Answers a request for registers; a Modbus exception where it returns a number alone. */
export type RegisterAnswer = (address: number, count: number, unit: number) => number[] | number

/** A Modbus TCP server on loopback. */
export type ModbusServer = { port: number; close(): Promise<void> }

/** Starts a Modbus TCP server on a free port of loopback that answers as it is told. */
export async function startModbusServer(answer: RegisterAnswer): Promise<ModbusServer> {
  const { ServerTCP } = await import('modbus-serial')
  const answerOrThrow = (address: number, count: number, unit: number): number[] => {
    const registers = answer(address, count, unit)
    if (typeof registers !== 'number') return registers
    throw Object.assign(new Error('exception'), { modbusErrorCode: registers })
  }
  const vector = {
    getHoldingRegister: (address: number, unit: number) => answerOrThrow(address, 1, unit)[0] ?? 0,
    getMultipleHoldingRegisters: answerOrThrow,
  }
  // The library takes 0 for "none given", and keeps to itself on which port it listens.
  const anyPort = '0' as unknown as number
  const server = new ServerTCP(vector, { host: '127.0.0.1', port: anyPort })
  await new Promise<void>((resolve, reject) => {
    server.on('initialized', () => resolve())
    server.on('serverError' as 'error', (cause) =>
      reject(new SpbError('node/port-in-use', undefined, { cause })),
    )
  })
  const { _server: inner } = server as unknown as { _server: Server }
  return {
    port: (inner.address() as AddressInfo).port,
    close: () => new Promise((resolve) => server.close(() => resolve())),
  }
}
