import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { seconds } from '../protocol/units.ts'
import { dataFolderOf, listNames } from './dataFolder.ts'
import { writeMarketRecord } from './marketRecord.ts'
import {
  chooseMeterName,
  createMeter,
  makeStreetMeters,
  manufacturerOf,
  openMeter,
  readMeters,
} from './meterFolder.ts'
import { createTestCli, runCli, testNowMs } from './testCli.cases.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const now = seconds(testNowMs / 1000)

describe('meters of a data folder', () => {
  it('have a manufacturer once one was made', () => {
    expect(manufacturerOf(folder)).toBeUndefined()
    expect(() => chooseMeterName(folder)).toThrow(refusal('meter/unknown'))
    makeStreetMeters(folder, now)
    expect(manufacturerOf(folder)).toMatch(/^0x/)
    expect(listNames(folder.street)).toEqual(['street-1', 'street-2', 'street-3'])
    expect(readMeters(folder)).toEqual([])
  })

  it('cannot be witnessed without a market', async () => {
    const { code, out } = await runCli(cli, 'meter new early --json')
    expect({ code, ...JSON.parse(out).error }).toMatchObject({ code: 'input/option' })
    expect(existsSync(join(folder.meters, 'early.json'))).toBe(false)
  })

  it('are there without keys where no node can be asked, and can be renewed later', async () => {
    const address = `0x${'52'.repeat(20)}` as const
    writeMarketRecord(folder, { chainId: 1, address, deploymentBlock: 0 })
    const made = await runCli(cli, 'meter new alice --json')
    expect(JSON.parse(made.out).error).toMatchObject({
      code: 'node/unreachable',
      message: expect.stringContaining('Meter alice is made, but has no keys yet'),
      hint: expect.stringContaining('spb meter renew alice'),
    })
    const again = await runCli(cli, 'meter new alice --json')
    expect(JSON.parse(again.out).error.code).toBe('meter/exists')
    const shown = JSON.parse((await runCli(cli, 'meter show alice --json')).out)
    expect(shown).toMatchObject({ keysLeft: 0, trees: [], running: null })
    const renewed = await runCli(cli, 'meter renew alice --json')
    expect(JSON.parse(renewed.out).error.code).toBe('node/unreachable')
    expect((await runCli(cli, 'meter list')).out).toMatch(/alice +0 +0 +0 Wh +not vouched for/)
  })

  it('are chosen by name, by the account’s name, or where there is one only', () => {
    expect(chooseMeterName(folder)).toBe('alice')
    createMeter(folder, 'bob', now).close()
    expect(chooseMeterName(folder, 'alice')).toBe('alice')
    expect(chooseMeterName(folder, undefined, 'bob')).toBe('bob')
    expect(() => chooseMeterName(folder)).toThrow(refusal('input/option'))
    expect(() => chooseMeterName(folder, 'carl')).toThrow(refusal('meter/unknown'))
    expect(() => openMeter(folder, 'carl')).toThrow(refusal('meter/unknown'))
  })
})
