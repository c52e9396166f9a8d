import { mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataFolderOf, listNames, parseName, readJsonFile, writeJsonFile } from './dataFolder.ts'
import { readEndpoint, removeEndpoint, writeEndpoint } from './endpoint.ts'
import { readMarketRecord, writeMarketRecord } from './marketRecord.ts'
import { nodeKeyPath, openNodeKey } from './nodeKeys.ts'
import { createTestCli } from './testCli.cases.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const market = `0x${'52'.repeat(20)}` as const

describe('the data folder', () => {
  it('is named, or SPB_HOME, or .spb where the person is', () => {
    expect(folder.path).toBe(join(cli.cwd, '.spb'))
    const env = { ...cli, env: { SPB_HOME: '/somewhere' } }
    expect(dataFolderOf(env, {}).path).toBe('/somewhere')
    expect(dataFolderOf(env, { data: 'here' }).accounts).toBe(join(cli.cwd, 'here', 'accounts'))
  })

  it('lists names by its files, and passes other files over', () => {
    const path = join(folder.path, 'names')
    expect(listNames(path)).toEqual([])
    mkdirSync(path, { recursive: true })
    for (const file of ['b.json', 'a.json', 'a.journal.json', 'c.lock', '-.json']) {
      writeFileSync(join(path, file), '')
    }
    expect(listNames(path)).toEqual(['a', 'b'])
  })
})

describe('a name', () => {
  it.each(['a', 'Alice_2', 'a-b', '0'.repeat(32)])('may be %s', (name) => {
    expect(parseName(name)).toBe(name)
  })

  it.each(['', '..', '../a', 'a/b', '-a', '_a', 'a b', 'é', 'a.json', 'a'.repeat(33)])(
    'may not be “%s”',
    (name) => {
      expect(() => parseName(name)).toThrow(refusal('input/name'))
    },
  )
})

describe('files of JSON', () => {
  it('are for their owner only, and may hold bigints', () => {
    const path = join(folder.path, 'sub', 'a.json')
    writeJsonFile(path, { sum: 5n })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(readJsonFile(path)).toEqual({ sum: '5' })
    expect(readFileSync(path, 'utf8').endsWith('}\n')).toBe(true)
  })

  it('say so where they cannot be read or written', () => {
    const path = join(folder.path, 'bad.json')
    writeFileSync(path, '{')
    expect(() => readJsonFile(path)).toThrow(refusal('file/unreadable'))
    expect(() => writeJsonFile(join(path, 'a.json'), 1)).toThrow(refusal('store/failed'))
  })

  it('tell where the node answers, while it runs', () => {
    expect(readEndpoint(folder)).toBeUndefined()
    const endpoint = { url: 'http://a', rpcUrl: 'http://b', market, chainId: 1 }
    writeEndpoint(folder, endpoint)
    expect(readEndpoint(folder)).toEqual(endpoint)
    removeEndpoint(folder)
    expect(readEndpoint(folder)).toBeUndefined()
    writeJsonFile(folder.endpoint, { url: 'http://a' })
    expect(() => readEndpoint(folder)).toThrow(refusal('input/shape'))
  })

  it('tell which market the folder belongs to', () => {
    expect(readMarketRecord(folder)).toBeUndefined()
    const record = { chainId: 1, address: market, deploymentBlock: 7 }
    writeMarketRecord(folder, record)
    expect(readMarketRecord(folder)).toEqual(record)
    writeMarketRecord(folder, { ...record, chainUrl: 'http://a' })
    expect(readMarketRecord(folder)?.chainUrl).toBe('http://a')
    writeJsonFile(folder.market, { ...record, chainUrl: 5 })
    expect(() => readMarketRecord(folder)).toThrow(refusal('input/shape'))
  })
})

describe('the node’s keys', () => {
  it('are different ones, each made once', () => {
    const member = openNodeKey(folder, 'member')
    expect(openNodeKey(folder, 'member')).toEqual(member)
    expect(openNodeKey(folder, 'authority')).not.toEqual(member)
    expect(statSync(nodeKeyPath(folder, 'member')).mode & 0o777).toBe(0o600)
  })
})
