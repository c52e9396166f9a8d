import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { type RegisterAnswer, startModbusServer } from '../../simulator/devices/modbusServer.ts'
import {
  startSunspecServer,
  writeCommonModel,
  writeSunspecImage,
  writeUint32,
} from '../../simulator/devices/sunspecServer.ts'
import { listenTo, ManualEnvironment, type RecordingListener } from './recordingListener.cases.ts'
import { openSource } from './sourceRegistry.ts'
import { findSunspecPlace, type RegisterReader, readSunspecPlace } from './sunspecReader.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function keep<Thing extends { close(): Promise<void> }>(thing: Thing): Thing {
  endings.push(() => thing.close())
  return thing
}

const registers = { importWh: 4_000_000_001, exportWh: 65_536, timeSeconds: 0 }
const end = [0xffff, 0]
const marker = [0x5375, 0x6e53]

/** A device whose registers begin at a base. */
function readImage(base: number, image: readonly number[]): RegisterReader {
  return async (address, count) => {
    const from = address - base
    if (from < 0 || from + count > image.length) throw new SpbError('source/modbus-exception')
    return image.slice(from, from + count)
  }
}

const meterModel = (id: number, importWh: number): number[] => {
  const model = new Array<number>(107).fill(0)
  model.splice(0, 2, id, 105)
  model.splice(46, 2, ...writeUint32(importWh))
  return model
}
const inverterModel = (exportWh: number): number[] => {
  const model = new Array<number>(52).fill(0)
  model.splice(0, 2, 103, 50)
  model.splice(24, 2, ...writeUint32(exportWh))
  return model
}

describe('findSunspecPlace', () => {
  const refuses = (read: RegisterReader, code: string, wanted?: number) =>
    expect(findSunspecPlace(read, wanted)).rejects.toMatchObject({ code })

  it.each([40_000, 50_000, 0])('finds a meter at %i', async (base) => {
    const read = readImage(base, writeSunspecImage(registers, 'S7'))
    const place = await findSunspecPlace(read)
    expect(place).toMatchObject({ id: 203, address: base + 70, commonAddress: base + 2 })
    expect(await readSunspecPlace(read, place)).toEqual({
      importWh: 4_000_000_001,
      exportWh: 65_536,
      serial: 'SPB S7',
    })
  })

  it('prefers a meter to an inverter, and each has the serial number before it', async () => {
    const image = [
      ...marker,
      ...writeCommonModel('INV', '1'),
      ...inverterModel(5),
      ...writeCommonModel('MET', '2'),
      ...[64_999, 3, 0, 0, 0],
      ...meterModel(201, 7),
      ...meterModel(204, 8),
      ...end,
    ]
    const read = readImage(40_000, image)
    const readModel = async (wanted?: number) =>
      readSunspecPlace(read, await findSunspecPlace(read, wanted))
    expect(await readModel()).toEqual({ importWh: 7, serial: 'MET 2' })
    expect(await readModel(204)).toEqual({ importWh: 8, serial: 'MET 2' })
    expect(await readModel(103)).toEqual({ importWh: 0, exportWh: 5, serial: 'INV 1' })
    await refuses(read, 'source/no-model', 203)
  })

  it('reads devices without a common model, or with an empty one', async () => {
    const bare = readImage(0, [...marker, ...meterModel(203, 7), ...end])
    expect(await readSunspecPlace(bare, await findSunspecPlace(bare))).toEqual({ importWh: 7 })
    const image = [...marker, ...writeCommonModel('', ''), ...meterModel(203, 7), ...end]
    const empty = readImage(0, image)
    expect(await readSunspecPlace(empty, await findSunspecPlace(empty))).toEqual({ importWh: 7 })
  })

  it('refuses devices that are none, have no energy, or whose list never ends', async () => {
    await refuses(readImage(40_000, [1, 2, 3, 4]), 'source/no-sunspec')
    await refuses(readImage(40_000, [...marker, ...end]), 'source/no-model')
    await refuses(readImage(40_000, [...marker, 203, 20, ...end]), 'source/modbus-exception')
    const short = [...marker, 203, 40, ...new Array<number>(40).fill(0), ...end]
    await refuses(readImage(40_000, short), 'source/no-model')
    let asked = 0
    const endless: RegisterReader = async (address) => {
      asked++
      return address === 40_000 ? marker : [777, 0]
    }
    await refuses(endless, 'source/no-model')
    expect(asked).toBe(65)
    const farAway: RegisterReader = async (address) => (address === 40_000 ? marker : [777, 30_000])
    await refuses(farAway, 'source/no-sunspec')
  })

  it('passes over bases about which a device keeps silent, unless it does about all', async () => {
    const meter = readImage(0, writeSunspecImage(registers, 'S7'))
    const quiet: RegisterReader = async (address, count) => {
      if (address >= 40_000) throw new SpbError('source/silent')
      return meter(address, count)
    }
    expect(await findSunspecPlace(quiet)).toMatchObject({ id: 203 })
    await refuses(() => Promise.reject(new SpbError('source/silent')), 'source/silent')
    await refuses(() => Promise.reject(new SpbError('source/gateway')), 'source/gateway')
  })

  it('notices that a model has moved', async () => {
    const read = readImage(0, writeSunspecImage(registers, 'S7'))
    const place = await findSunspecPlace(read)
    const moved = readImage(0, [
      ...marker,
      ...meterModel(203, 7),
      ...end,
      ...new Array(200).fill(0),
    ])
    await expect(readSunspecPlace(moved, place)).rejects.toMatchObject({ code: 'source/no-model' })
  })
})

describe('a SunSpec source', () => {
  function listen(spec: string) {
    const environment = new ManualEnvironment()
    const listener = listenTo(keep(openSource(spec, environment)))
    return { environment, listener }
  }

  async function listenToAnswers(answer: RegisterAnswer, more = '') {
    const server = keep(await startModbusServer(answer))
    return listen(`sunspec://127.0.0.1:${server.port}${more}`)
  }

  const firstCause = async (listener: RecordingListener) => {
    await listener.until(() => listener.kinds.includes('waiting'))
    return listener.cause
  }

  it('reads a meter again and again', async () => {
    const server = keep(await startSunspecServer({ base: 50_000, unit: 7, serial: 'S7' }))
    await server.set(registers)
    const { environment, listener } = listen(server.spec)
    await listener.until(() => listener.readings.length === 1)
    await server.set({ ...registers, importWh: 4_000_000_002 })
    expect(environment.delaysMs).toEqual([1_000])
    environment.timeMs += 999
    environment.fireNext()
    await listener.until(() => listener.readings.length === 2)
    const first = { timeSeconds: 1_700_000_000, exportWh: 65_536, serial: 'SPB S7' }
    expect(listener.readings).toEqual([
      { ...first, importWh: 4_000_000_001 },
      { ...first, importWh: 4_000_000_002, timeSeconds: 1_700_000_001 },
    ])
    expect(listener.kinds).toEqual(['connecting', 'live'])
  })

  it('waits for a device that does not count yet, and takes it when it does', async () => {
    const server = keep(await startSunspecServer())
    const { environment, listener } = listen(server.spec)
    expect(await firstCause(listener)).toBe('source/not-implemented')
    expect(listener.refusedCodes).toEqual(['source/not-implemented'])
    await server.set(registers)
    environment.fireNext()
    await listener.until(() => listener.readings.length === 1)
    expect(listener.kinds).toEqual(['connecting', 'waiting', 'live'])
  })

  it('says that nobody listens, and comes back', async () => {
    const server = await startSunspecServer()
    await server.set(registers)
    const { environment, listener } = listen(server.spec)
    await listener.until(() => listener.readings.length === 1)
    await server.close()
    environment.fireNext()
    expect(await firstCause(listener)).toBe('source/lost')
    environment.fireNext()
    await listener.until(() => listener.states.length === 4)
    expect(listener.cause).toBe('source/unreachable')
  })

  it('says that a gateway does not reach the device', async () => {
    const server = keep(await startSunspecServer({ unit: 7 }))
    const { listener } = listen(server.spec.replace('unit=7', 'unit=8'))
    expect(await firstCause(listener)).toBe('source/gateway')
    expect(listener.states.at(-1)).toMatchObject({ cause: { meta: { exception: 11 } } })
  })

  it('says that a device is no SunSpec device, or has no energy', async () => {
    const refusing = await listenToAnswers(() => 2)
    expect(await firstCause(refusing.listener)).toBe('source/no-sunspec')
    const other = await listenToAnswers((_, count) => new Array<number>(count).fill(0))
    expect(await firstCause(other.listener)).toBe('source/no-sunspec')
    const server = keep(await startSunspecServer())
    const { listener } = listen(`${server.spec}&model=213`)
    expect(await firstCause(listener)).toBe('source/no-model')
  })

  it('says with which exception a device refuses its registers', async () => {
    const image = writeSunspecImage(registers, 'S7')
    const { listener } = await listenToAnswers((address, count) =>
      count > 2 ? 6 : image.slice(address - 40_000, address - 40_000 + count),
    )
    expect(await firstCause(listener)).toBe('source/modbus-exception')
    expect(listener.states.at(-1)).toMatchObject({ cause: { meta: { exception: 6 } } })
  })

  it('does not wait for an answer over a connection that broke', async () => {
    const server = createServer((socket) => socket.once('data', () => socket.destroy()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => void server.close())
    const { port } = server.address() as { port: number }
    const { listener } = listen(`sunspec://127.0.0.1:${port}`)
    expect(await firstCause(listener)).toBe('source/lost')
  })

  it('is quiet once closed, also while an answer is awaited', async () => {
    const sockets: Socket[] = []
    let asked: () => void = () => undefined
    const isAsked = new Promise<void>((resolve) => {
      asked = resolve
    })
    const server = createServer((socket) => {
      sockets.push(socket)
      socket.on('data', () => asked())
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => void server.close())
    const { port } = server.address() as { port: number }
    const source = openSource(`sunspec://127.0.0.1:${port}`, new ManualEnvironment())
    const listener = listenTo(source)
    await isAsked
    await source.close()
    expect(listener.kinds).toEqual(['connecting'])
  })
})
