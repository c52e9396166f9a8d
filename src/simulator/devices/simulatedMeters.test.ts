import { afterEach, describe, expect, it } from 'vitest'
import { listenTo, ManualEnvironment } from '../../meter/sources/recordingListener.cases.ts'
import { openSource } from '../../meter/sources/sourceRegistry.ts'
import { startMqttBroker } from './mqttBroker.ts'
import { startP1Server } from './p1Server.ts'
import { writeP1Telegram } from './p1TelegramText.ts'
import type { SimulatedMeter } from './simulatedMeter.ts'
import { startSunspecServer } from './sunspecServer.ts'

const endings: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

const registers = { importWh: 123_456_789, exportWh: 1_001, timeSeconds: 1_780_000_000 }

describe.each<[string, () => Promise<SimulatedMeter>]>([
  ['a P1 port', startP1Server],
  ['a SunSpec meter', startSunspecServer],
  ['a meter behind an MQTT broker', startMqttBroker],
])('%s', (_, start) => {
  it('is read by its own source, as it is and after each change', async () => {
    const device = await start()
    endings.push(() => device.close())
    await device.set(registers)
    const environment = new ManualEnvironment()
    environment.timeMs = registers.timeSeconds * 1000
    const source = openSource(device.spec, environment)
    endings.push(() => source.close())
    const listener = listenTo(source)
    await listener.until(() => listener.readings.length === 1)
    const changed = { importWh: 123_456_790, exportWh: 1_002, timeSeconds: 1_780_000_001 }
    await device.set(changed)
    // Only a device that is polled waits for its turn.
    if (device.spec.startsWith('sunspec')) environment.fireNext()
    await listener.until(() => listener.readings.length === 2)
    expect(listener.readings).toMatchObject([registers, changed])
    expect(listener.refused).toEqual([])
  })

  it('has told those who listen when a change is over', async () => {
    const device = await start()
    endings.push(() => device.close())
    const source = openSource(device.spec, new ManualEnvironment())
    endings.push(() => source.close())
    await device.set(registers)
    const listener = listenTo(source)
    await listener.until(() => listener.readings.length === 1)
    for (let step = 1; step <= 20; step++) {
      await device.set({ ...registers, timeSeconds: registers.timeSeconds + step })
      if (!device.spec.startsWith('sunspec')) expect(listener.readings).toHaveLength(1 + step)
    }
  })

  it('leaves its port when it is closed', async () => {
    const device = await start()
    await device.close()
    const source = openSource(device.spec, new ManualEnvironment())
    endings.push(() => source.close())
    const listener = listenTo(source)
    await listener.until(() => listener.cause !== undefined)
    expect(listener.cause).toBe('source/unreachable')
  })
})

describe('writeP1Telegram', () => {
  it('writes registers of nine digits only', () => {
    expect(() => writeP1Telegram({ ...registers, importWh: 3_000_000_000 }, 'S')).toThrow()
    expect(() => writeP1Telegram({ ...registers, exportWh: -1 }, 'S')).toThrow()
  })

  it('ends with the CRC of what stands before', () => {
    const text = writeP1Telegram({ importWh: 4_000, exportWh: 0, timeSeconds: 0 }, 'S')
    expect(text.split('\r\n').slice(0, 8)).toEqual([
      '/SPB5SIMULATED',
      '',
      '1-3:0.2.8(50)',
      '0-0:1.0.0(700101010000W)',
      '0-0:96.1.1(53)',
      '1-0:1.8.1(000001.333*kWh)',
      '1-0:1.8.2(000002.667*kWh)',
      '1-0:2.8.1(000000.000*kWh)',
    ])
    expect(text).toMatch(/\r\n![0-9A-F]{4}\r\n$/)
  })
})
