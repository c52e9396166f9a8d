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
  pickWitness,
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

  it('are witnessed by another one, and can be renewed', async () => {
    const address = `0x${'52'.repeat(20)}` as const
    writeMarketRecord(folder, { chainId: 1, address, deploymentBlock: 0 })
    const made = JSON.parse((await runCli(cli, 'meter new alice --json')).out)
    expect(made).toMatchObject({ keysLeft: 256, market: { chainId: 1, address } })
    expect(made.trees[0].witness).not.toBe(made.meter)
    expect(await runCli(cli, 'meter new alice')).toMatchObject({ code: 3 })
    const renewed = JSON.parse((await runCli(cli, 'meter renew --json')).out)
    expect(renewed).toMatchObject({ meter: made.meter, keysLeft: 512 })
    expect((await runCli(cli, 'meter show alice')).out).toContain('keys left    512')
    expect((await runCli(cli, 'meter list')).out).toMatch(/alice +512 +0 +0 Wh/)
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

  it('are never their own witness', () => {
    const owner = readMeters(folder)[0]!.certificate.meter
    for (let round = 0; round < 20; round++) {
      const { certificate } = pickWitness(folder, owner, now).signedCertificate
      expect(certificate.meter).not.toBe(owner)
    }
  })
})
