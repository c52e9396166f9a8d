import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { readMeterFile } from '../../adapters/meter/meterFile.ts'
import { fakeMarket } from '../../api/fakeNode.ts'
import { seconds } from '../../protocol/units.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { writeMarketRecord } from '../marketRecord.ts'
import { createMeter } from '../meterFolder.ts'
import { createTestCli, runCli, testNowMs } from '../testCli.cases.ts'

const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const now = testNowMs / 1000
writeMarketRecord(folder, { ...fakeMarket, deploymentBlock: 0 })

/** A register that shows whole kWh, read every 10 s. */
const kwhOfReadings = [7, 7, 8, 8, 9, 9]

/** Runs a meter to the end of its readings, and tells what it counted and what it did not. */
async function runToEnd(name: string, ...options: string[]) {
  createMeter(folder, name, seconds(now)).close()
  const rows = kwhOfReadings.map((kwh, at) => `${now + 10 * at},${kwh}`)
  const path = join(folder.path, `${name}.csv`)
  writeFileSync(path, ['time,import', ...rows].join('\n'))
  const source = `csv:${path}?time=time&column=import&unit=kWh`
  const line = ['meter run', name, '--once --json --source', source, ...options].join(' ')
  const { code, err } = await runCli(cli, line)
  expect({ code, err }).toEqual({ code: 0, err: '' })
  const { register, incidents } = readMeterFile(join(folder.meters, `${name}.json`))
  return { countedWh: register?.countedWh, counts: incidents?.counts }
}

describe('spb meter run --register-step', () => {
  it('holds a register of whole kWh to its power step by step', async () => {
    expect(await runToEnd('coarse', '--register-step 1000')).toEqual({
      countedWh: 2000,
      counts: { baseline: 1 },
    })
  })

  it('is 1 Wh unless told: a kWh within 10 s is a jump then', async () => {
    const { countedWh, counts } = await runToEnd('fine')
    expect(countedWh).toBe(0)
    expect(counts?.jump).toBe(2)
  })
})
