import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type P1Server, startP1Server } from '../../simulator/devices/p1Server.ts'
import type { ByteLineEvents } from './byteLine.ts'
import { cipheredFrame, makeP1Telegram, p1Examples } from './p1Examples.cases.ts'
import { openP1Line } from './p1Source.ts'
import type { ReadingSource } from './readingSource.ts'
import { listenTo, ManualEnvironment } from './recordingListener.cases.ts'
import { openSource } from './sourceRegistry.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

function keep<Thing extends { close(): Promise<void> }>(thing: Thing): Thing {
  endings.push(() => thing.close())
  return thing
}

const listen = (source: ReadingSource) => listenTo(keep(source))
const registers = { importWh: 1_000_001, exportWh: 20, timeSeconds: 1_780_000_000 }
const reading = { ...registers, serial: 'SIM-P1-1' }

async function startServer(): Promise<P1Server> {
  return keep(await startP1Server())
}

describe('a P1 source over TCP', () => {
  it('reads each telegram, from the one that is there on', async () => {
    const server = await startServer()
    await server.set(registers)
    const listener = listen(openSource(server.spec, new ManualEnvironment()))
    await listener.until(() => listener.readings.length === 1)
    await server.set({ ...registers, importWh: 1_000_002 })
    await listener.until(() => listener.readings.length === 2)
    expect(listener.readings).toEqual([reading, { ...reading, importWh: 1_000_002 }])
    expect(listener.states).toEqual([{ kind: 'connecting' }, { kind: 'live' }])
  })

  it('refuses what is wrong and reads on', async () => {
    const server = await startServer()
    await server.set(registers)
    const listener = listen(openSource(server.spec, new ManualEnvironment()))
    await listener.until(() => listener.readings.length === 1)
    const good = makeP1Telegram('1-0:1.8.1(000001.000*kWh)', '1-0:1.8.2(000001.000*kWh)')
    await server.send(`${good.replace('1.000', '2.000')}${good.slice(0, 60)}${good}`)
    await listener.until(() => listener.readings.length === 2)
    expect(listener.refusedCodes).toEqual(['source/bad-crc', 'source/truncated'])
    expect(listener.kinds).toEqual(['connecting', 'live'])
  })

  it('comes back after the connection broke, and says meanwhile why it is away', async () => {
    const server = await startServer()
    await server.set(registers)
    const environment = new ManualEnvironment()
    const listener = listen(openSource(server.spec, environment))
    await listener.until(() => listener.readings.length === 1)
    server.drop()
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.states.at(-1)).toMatchObject({
      cause: { code: 'source/lost' },
      retryAtMs: environment.timeMs + 1000,
    })
    environment.fireNext()
    await listener.until(() => listener.readings.length === 2)
    expect(listener.kinds).toEqual(['connecting', 'live', 'waiting', 'live'])
  })

  it('says that nobody listens there', async () => {
    const gone = await startP1Server()
    await gone.close()
    const listener = listen(openSource(gone.spec, new ManualEnvironment()))
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/unreachable')
    expect(listener.states.at(-1)).toMatchObject({
      cause: { meta: { reason: 'ECONNREFUSED', place: `127.0.0.1:${gone.port}` } },
    })
  })

  it('refuses an encrypting meter by name, and asks it less and less often', async () => {
    const server = await startServer()
    const environment = new ManualEnvironment()
    const listener = listen(openSource(server.spec, environment))
    const waitsAfter = async (frames: number) => {
      const before = listener.states.length
      while (listener.states.length === before) {
        await server.send(Buffer.concat(Array.from({ length: frames }, () => cipheredFrame)))
        await new Promise((resolve) => setImmediate(resolve))
      }
      return environment.delaysMs
    }
    expect(await waitsAfter(3)).toEqual([1000])
    expect(listener.cause).toBe('source/encrypted')
    expect(listener.refusedCodes).toEqual(['source/encrypted'])
    environment.fireNext()
    expect(await waitsAfter(1)).toEqual([2000])
    expect(listener.readings).toEqual([])
  })

  it('is quiet once closed, also before there is a connection', async () => {
    const server = await startServer()
    const source = openSource(server.spec, new ManualEnvironment())
    const listener = listenTo(source)
    await source.close()
    await server.set(registers)
    expect(listener.kinds).toEqual(['connecting'])
    expect(listener.readings).toEqual([])
    await openSource(server.spec, new ManualEnvironment()).close()
  })
})

describe('a P1 line', () => {
  function openLine() {
    const lines: ByteLineEvents[] = []
    const environment = new ManualEnvironment()
    const source = openP1Line('p1:test', environment, (events) => {
      lines.push(events)
      return { close: async () => undefined }
    })
    const listener = listen(source)
    const send = (text: string) => lines.at(-1)?.onBytes(Buffer.from(text, 'latin1'))
    return { environment, listener, lines, send }
  }
  const good = makeP1Telegram('1-0:1.8.1(000001.000*kWh)')
  const bad = good.replace('1.000', '2.000')

  it('is opened anew after a minute without a good telegram', () => {
    const { environment, listener, send } = openLine()
    send(good)
    environment.timeMs += 59_000
    send(good)
    expect(environment.delaysMs).toEqual([60_000])
    environment.fireNext()
    expect(listener.cause).toBe('source/silent')
  })

  it('says then what came instead of good ones', () => {
    const { environment, listener, send } = openLine()
    send(bad)
    environment.fireNext()
    expect(listener.cause).toBe('source/bad-crc')
    environment.fireNext()
    send('\x80'.repeat(5_000))
    environment.fireNext()
    expect(listener.cause).toBe('source/noise')
    environment.fireNext()
    send(good)
    expect(listener.kinds).toEqual(['connecting', 'waiting', 'waiting', 'live'])
    environment.fireNext()
    expect(listener.cause).toBe('source/silent')
  })
})

describe('a P1 source from a file', () => {
  function writeFile(text: string): ManualEnvironment {
    const folder = mkdtempSync(join(tmpdir(), 'spb-p1-'))
    endings.push(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'telegrams.txt'), text, 'latin1')
    return new ManualEnvironment(folder)
  }

  it('replays it to its end', async () => {
    const environment = writeFile(p1Examples.map(({ text }) => text).join(''))
    const listener = listen(openSource('p1:telegrams.txt', environment))
    await listener.until(() => listener.kinds.includes('ended'))
    const expected = p1Examples.map(({ importWh, serial, timeSeconds }) => ({
      importWh,
      serial,
      timeSeconds: timeSeconds ?? environment.timeMs / 1000,
    }))
    expect(listener.readings).toMatchObject(expected)
    expect(listener.kinds).toEqual(['connecting', 'live', 'ended'])
    expect(listener.refused).toEqual([])
  })

  it('tells what of it is not used', async () => {
    const good = makeP1Telegram('1-0:1.8.1(000001.000*kWh)')
    const environment = writeFile(`${good.replace('1.000', '2.000')}${good}${good.slice(0, 30)}`)
    const listener = listen(openSource('p1:telegrams.txt', environment))
    await listener.until(() => listener.kinds.includes('ended'))
    expect(listener.readings).toHaveLength(1)
    expect(listener.refusedCodes).toEqual(['source/bad-crc', 'source/truncated'])
  })

  it('does not take a file for a serial line, nor the other way round', () => {
    const environment = writeFile('')
    const refuse = expect.objectContaining({ code: 'source/option' })
    expect(() => openSource('p1:telegrams.txt?baud=9600', environment)).toThrow(refuse)
    expect(() => openSource('p1:/dev/null?speed=1', environment)).toThrow(refuse)
  })
})
