import { startModbusServer } from './modbusServer.ts'
import type { SimulatedMeter, SimulatedRegisters } from './simulatedMeter.ts'

/** What a simulated SunSpec meter is like. */
export type SunspecServerOptions = {
  /** Where its models begin: 40000, 50000 or 0. */
  base?: number
  unit?: number
  serial?: string
}

const [modelId, modelLength] = [203, 105]
const [exportAt, importAt, scaleAt] = [38, 46, 54]
const endOfModels = [0xffff, 0]
const illegalAddress = 2
const gatewayTargetSilent = 0x0b

/**
 * Starts a SunSpec meter (common model, model 203) on a free port of loopback. Registers count
 * single Wh, up to 2^32 - 2; by the standard 0 says "not counted", so that sources refuse it.
 */
export async function startSunspecServer(
  options: SunspecServerOptions = {},
): Promise<SimulatedMeter> {
  const { base = 40_000, unit = 1, serial = 'SIM-SUNSPEC-1' } = options
  let image = writeSunspecImage({ importWh: 0, exportWh: 0, timeSeconds: 0 }, serial)
  const server = await startModbusServer((address, count, asked) => {
    if (asked !== unit) return gatewayTargetSilent
    const from = address - base
    return from < 0 || from + count > image.length
      ? illegalAddress
      : image.slice(from, from + count)
  })
  return {
    ...server,
    spec: `sunspec://127.0.0.1:${server.port}?unit=${unit}&every=1s`,
    set(registers) {
      image = writeSunspecImage(registers, serial)
    },
  }
}

/** All registers of the meter, from the `SunS` at its base to the end of its models. */
export function writeSunspecImage(registers: SimulatedRegisters, serial: string): number[] {
  const { importWh, exportWh } = registers
  const meter = new Array<number>(modelLength + 2).fill(0)
  meter.splice(0, 2, modelId, modelLength)
  meter.splice(exportAt, 2, ...writeUint32(exportWh))
  meter.splice(importAt, 2, ...writeUint32(importWh))
  meter[scaleAt] = 0
  return [0x5375, 0x6e53, ...writeCommonModel('SPB', serial), ...meter, ...endOfModels]
}

/** The common model: manufacturer, model, options, version, serial number, address. */
export function writeCommonModel(maker: string, serial: string): number[] {
  const texts = [...writeText(maker, 16), ...writeText('Simulated', 16), ...writeText('', 8)]
  return [1, 66, ...texts, ...writeText('1', 8), ...writeText(serial, 16), 1, 0x8000]
}

/** A 32-bit counter as two registers, the high one first. */
export const writeUint32 = (value: number): number[] => [
  Math.floor(value / 0x1_0000) & 0xffff,
  value & 0xffff,
]

function writeText(text: string, registers: number): number[] {
  const bytes = Buffer.alloc(registers * 2)
  bytes.write(text, 'latin1')
  return Array.from({ length: registers }, (_, at) => bytes.readUInt16BE(at * 2))
}
