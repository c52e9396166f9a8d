import { p1Crc } from '../../meter/sources/p1Crc.ts'
import { assert } from '../../protocol/spbError.ts'
import type { SimulatedRegisters } from './simulatedMeter.ts'

const largestWh = 999_999_999
const summerOffsetHours = 2

/**
 * A telegram of DSMR 5 with these registers, with its CRC: the import is shared out over both
 * tariffs. Registers have 6 digits before the point: up to 999,999,999 Wh.
 */
export function writeP1Telegram(registers: SimulatedRegisters, serial: string): string {
  const { importWh, exportWh, timeSeconds } = registers
  const dayWh = Math.floor(importWh / 3)
  return sealP1Telegram([
    '/SPB5SIMULATED',
    '',
    '1-3:0.2.8(50)',
    `0-0:1.0.0(${formatTime(timeSeconds)})`,
    `0-0:96.1.1(${Buffer.from(serial, 'latin1').toString('hex').toUpperCase()})`,
    `1-0:1.8.1(${formatEnergy(dayWh)})`,
    `1-0:1.8.2(${formatEnergy(importWh - dayWh)})`,
    `1-0:2.8.1(${formatEnergy(exportWh)})`,
    `1-0:2.8.2(${formatEnergy(0)})`,
    '0-0:96.14.0(0001)',
  ])
}

/** Joins a telegram's lines and adds end and CRC. */
export function sealP1Telegram(lines: readonly string[]): string {
  const text = `${lines.join('\r\n')}\r\n!`
  return `${text}${p1Crc(Buffer.from(text, 'latin1'))}\r\n`
}

function formatEnergy(energyWh: number): string {
  assert(energyWh >= 0 && energyWh <= largestWh, 'a P1 register has nine digits')
  const digits = String(energyWh).padStart(9, '0')
  return `${digits.slice(0, 6)}.${digits.slice(6)}*kWh`
}

/** Summer time from the last Sunday of March, 01:00 UTC, to that of October. */
function formatTime(timeSeconds: number): string {
  const year = new Date(timeSeconds * 1000).getUTCFullYear()
  const [begins, ends] = [lastSunday(year, 2), lastSunday(year, 9)]
  const isSummer = timeSeconds >= begins && timeSeconds < ends
  const offsetHours = isSummer ? summerOffsetHours : summerOffsetHours - 1
  const local = new Date((timeSeconds + offsetHours * 3_600) * 1000).toISOString()
  return `${local.slice(2, 19).replaceAll(/[-T:]/g, '')}${isSummer ? 'S' : 'W'}`
}

function lastSunday(year: number, month: number): number {
  const last = new Date(Date.UTC(year, month + 1, 0, 1))
  return last.getTime() / 1000 - last.getUTCDay() * 86_400
}
