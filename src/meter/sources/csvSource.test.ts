import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import { listenTo, ManualEnvironment, RecordingListener } from './recordingListener.cases.ts'
import { startReplay } from './replay.ts'
import { openSource } from './sourceRegistry.ts'

const folders: string[] = []
afterEach(() => {
  for (const folder of folders.splice(0)) rmSync(folder, { recursive: true })
})

function writeCsv(...lines: string[]): ManualEnvironment {
  const folder = mkdtempSync(join(tmpdir(), 'spb-csv-'))
  folders.push(folder)
  writeFileSync(join(folder, 'a b.csv'), lines.join('\n'))
  return new ManualEnvironment(folder)
}

const spec = 'csv:a b.csv?column=import&unit=kWh'
const turn = () => new Promise((resolve) => setImmediate(resolve))

describe('a CSV source', () => {
  it('tells all rows, and then that it has ended', async () => {
    const environment = writeCsv('timestamp,import', '100,1', '200,2', '300,x', '400,4')
    const source = openSource(spec, environment)
    expect(source.name).toBe('csv:a b.csv')
    const listener = listenTo(source)
    await listener.until(() => listener.kinds.includes('ended'))
    expect(listener.readings).toEqual([
      { timeSeconds: 100, importWh: 1000 },
      { timeSeconds: 200, importWh: 2000 },
      { timeSeconds: 400, importWh: 4000 },
    ])
    expect(listener.kinds).toEqual(['connecting', 'live', 'ended'])
    expect(listener.refused.map(({ code, message, meta }) => [code, message, meta])).toEqual([
      [
        'source/row',
        'a b.csv: 1 × not-a-number (first in line 4, column import).',
        { file: 'a b.csv', reason: 'not-a-number', count: 1, firstLine: 4 },
      ],
    ])
  })

  it('finds what is wrong with a file before it is started', () => {
    const environment = writeCsv('timestamp,other', '100,1')
    expect(() => openSource(spec, environment)).toThrow(
      expect.objectContaining({ code: 'profile/no-column' }),
    )
    expect(() => openSource(spec.replace('a b', 'none'), environment)).toThrow(
      expect.objectContaining({ code: 'file/unreadable' }),
    )
  })

  it('waits for a listener that takes its time', async () => {
    const environment = writeCsv('timestamp,import', '100,1', '200,2')
    const listener = new RecordingListener()
    let take: () => void = () => undefined
    const source = openSource(spec, environment)
    source.start({
      onRefused: (error) => listener.onRefused(error),
      onState: (state) => listener.onState(state),
      onReading: (reading) => {
        listener.onReading(reading)
        return new Promise<void>((resolve) => {
          take = resolve
        })
      },
    })
    await turn()
    await turn()
    expect(listener.readings).toHaveLength(1)
    take()
    await listener.until(() => listener.readings.length === 2)
    take()
    await listener.until(() => listener.kinds.includes('ended'))
  })

  it('keeps the rows’ own pace where it is asked to', async () => {
    const environment = writeCsv('timestamp,import', '100,1', '160,2', '150,3', '280,4')
    const startMs = environment.timeMs
    const source = openSource(`${spec}&speed=2`, environment)
    const listener = listenTo(source)
    const atMs: number[] = []
    for (let count = 1; count <= 4; count++) {
      while (listener.readings.length < count) {
        if (environment.timers.size > 0) environment.fireNext()
        await turn()
      }
      atMs.push(environment.timeMs - startMs)
    }
    expect(listener.readings.map(({ timeSeconds }) => timeSeconds)).toEqual([100, 160, 150, 280])
    expect(atMs).toEqual([0, 30_000, 30_000, 90_000])
    await listener.until(() => listener.kinds.includes('ended'))
  })

  it('looks at the clock again at least each hour', async () => {
    const environment = writeCsv('timestamp,import', '0,1', '10000,2')
    const listener = listenTo(openSource(`${spec}&speed=1`, environment))
    await listener.until(() => listener.readings.length === 1)
    while (environment.timers.size === 0) await turn()
    expect(environment.delaysMs).toEqual([3_600_000])
    environment.timeMs += 9_999_000
    environment.fireNext()
    while (environment.timers.size === 0) await turn()
    expect(environment.delaysMs).toEqual([1_000])
    environment.fireNext()
    await listener.until(() => listener.kinds.includes('ended'))
  })

  it('is quiet once closed, whether it waits or not', async () => {
    const environment = writeCsv('timestamp,import', '0,1', '10,2')
    const waiting = openSource(`${spec}&speed=1`, environment)
    const listener = listenTo(waiting)
    while (environment.timers.size === 0) await turn()
    await waiting.close()
    expect(environment.timers.size).toBe(0)
    expect(listener.readings).toHaveLength(1)
    expect(listener.kinds).toEqual(['connecting', 'live'])
    const fast = openSource(spec, environment)
    const other = listenTo(fast)
    await fast.close()
    const told = other.readings.length
    await turn()
    expect(other.readings).toHaveLength(told)
    expect(other.kinds).not.toContain('ended')
    await openSource(spec, environment).close()
  })
})

describe('startReplay', () => {
  it('ends with what kept a file from being read on', async () => {
    const listener = new RecordingListener()
    async function* broken(): AsyncGenerator<MeterReading> {
      yield { timeSeconds: seconds(1), importWh: 1 }
      throw new SpbError('file/unreadable')
    }
    startReplay(broken(), { environment: new ManualEnvironment(), listener })
    await listener.until(() => listener.kinds.includes('ended'))
    expect(listener.readings).toHaveLength(1)
    expect(listener.refusedCodes).toEqual(['file/unreadable'])
  })
})
