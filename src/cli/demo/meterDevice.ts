import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { startMqttBroker } from '../../simulator/devices/mqttBroker.ts'
import { startP1Server } from '../../simulator/devices/p1Server.ts'
import type { SimulatedMeter } from '../../simulator/devices/simulatedMeter.ts'
import { startSunspecServer } from '../../simulator/devices/sunspecServer.ts'

/** How the homes' meters are read: all from CSV files, or each fourth one in another way. */
export type Metering = 'csv' | 'mixed'

/** The ways in which meters of a demonstration are read, in the order of the homes. */
export const deviceKinds = ['csv', 'p1', 'sunspec', 'mqtt'] as const
/** One of the ways. */
export type DeviceKind = (typeof deviceKinds)[number]

/** A home's register at the beginning of each step, and at the end of the last one. */
export type RegisterCourse = { timesSeconds: readonly number[]; importWh: readonly number[] }

/** A meter as a source reads it. */
export type MeterDevice = Pick<SimulatedMeter, 'spec' | 'set' | 'close'>

/** All of a register's course in a file, which a source replays by the demonstration's time. */
function writeCsvDevice(folder: string, index: number, course: RegisterCourse): MeterDevice {
  const file = join(folder, `meter-${index}.csv`)
  const { timesSeconds, importWh } = course
  const rows = timesSeconds.map((time, at) => `${time},${importWh[at]}`)
  writeFileSync(file, ['time,import', ...rows, ''].join('\n'))
  return {
    spec: `csv:${encodeURIComponent(file)}?time=time&column=import&unit=Wh&speed=1`,
    set: () => undefined,
    close: async () => undefined,
  }
}

/** Starts what a home's meter is read from; devices listen on loopback. */
export async function startMeterDevice(
  kind: DeviceKind,
  home: { folder: string; index: number; course: RegisterCourse },
): Promise<MeterDevice> {
  const { folder, index, course } = home
  const serial = `DEMO-${index}`
  if (kind === 'p1') return await startP1Server({ serial })
  if (kind === 'sunspec') return await startSunspecServer({ serial })
  if (kind === 'mqtt') return await startMqttBroker({ topic: `tele/home-${index}/SENSOR` })
  return writeCsvDevice(folder, index, course)
}
