import { SerialPortMock } from 'serialport'
import { afterEach, describe, expect, it } from 'vitest'
import { makeP1Telegram } from './p1Examples.cases.ts'
import { openP1Line } from './p1Source.ts'
import { listenTo, ManualEnvironment } from './recordingListener.cases.ts'
import { openSerialLine, type SerialPortMaker, type SerialSettings } from './serialLine.ts'
import { openSource } from './sourceRegistry.ts'

const settings: SerialSettings = {
  path: '/dev/spb-mock',
  baudRate: 9600,
  dataBits: 7,
  parity: 'even',
  stopBits: 1,
}

afterEach(() => SerialPortMock.binding.reset())

function plugIn() {
  SerialPortMock.binding.createPort(settings.path, { echo: false, record: false })
  const ports: SerialPortMock[] = []
  const make: SerialPortMaker = (wanted) => {
    const port = new SerialPortMock({ ...wanted, autoOpen: false })
    ports.push(port)
    return port
  }
  const environment = new ManualEnvironment()
  const source = openP1Line('p1:mock', environment, (events) =>
    openSerialLine(settings, events, async () => make),
  )
  const emit = async (text: string) => {
    const port = ports.at(-1)
    while (!port?.isOpen) await new Promise((resolve) => setImmediate(resolve))
    port.port?.emitData(Buffer.from(text, 'latin1'))
  }
  return { source, environment, emit, ports }
}

describe('openSerialLine', () => {
  it('reads telegrams from a device that is set as asked', async () => {
    const { source, emit, ports } = plugIn()
    const listener = listenTo(source)
    await new Promise((resolve) => setImmediate(resolve))
    const text = makeP1Telegram('1-0:1.8.1(000001.000*kWh)')
    await emit(text.slice(0, 20))
    await emit(text.slice(20))
    await listener.until(() => listener.readings.length === 1)
    const { baudRate, dataBits, parity, stopBits } = settings
    expect(ports[0]?.settings).toMatchObject({ baudRate, dataBits, parity, stopBits })
    await source.close()
    expect(ports[0]?.isOpen).toBe(false)
    expect(listener.kinds).toEqual(['connecting', 'live'])
  })

  it('says that a device was unplugged, and that it is not there', async () => {
    const { source, emit, environment, ports } = plugIn()
    const listener = listenTo(source)
    await new Promise((resolve) => setImmediate(resolve))
    await emit(makeP1Telegram('1-0:1.8.1(000001.000*kWh)'))
    await listener.until(() => listener.kinds.includes('live'))
    ports[0]?.close()
    await listener.until(() => listener.cause === 'source/lost')
    SerialPortMock.binding.reset()
    environment.fireNext()
    await listener.until(() => listener.cause === 'source/unreachable')
    await source.close()
  })

  it('says that this machine has no means to read one', async () => {
    const environment = new ManualEnvironment()
    const source = openP1Line('p1:mock', environment, (events) =>
      openSerialLine(settings, events, () => Promise.reject(new Error('no binding'))),
    )
    const listener = listenTo(source)
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/no-serial')
    await source.close()
  })

  it('loads the real library where a device is asked for', async () => {
    const source = openSource('p1:/dev/spb-no-such-device', new ManualEnvironment())
    const listener = listenTo(source)
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(['source/unreachable', 'source/no-serial']).toContain(listener.cause)
    await source.close()
  })
})
