import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode, type FakeNode } from '../../api/fakeNode.ts'
import { recoverManufacturer } from '../../meter/manufacturer.ts'
import { seconds } from '../../protocol/units.ts'
import type { MarketView } from '../../protocol/views.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { writeEndpoint } from '../endpoint.ts'
import { createMeter, manufacturerOf, openMeter, readMeters } from '../meterFolder.ts'
import { createTestCli, runCli, testNowMs } from '../testCli.cases.ts'
import { readCertificate } from './certificateFile.ts'
import { issuedLogPath } from './issuedLog.ts'
import { encodeModel } from './meterModel.ts'

const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const now = seconds(testNowMs / 1000)
const daySeconds = 86_400
const elsewhere = `0x${'5a'.repeat(20)}` as const

/** Runs a command, and returns its one document with its exit code. */
async function spb(line: string) {
  const { code, out } = await runCli(cli, `${line} --json`)
  const json = JSON.parse(out)
  return { exit: code, code: json.error?.code, message: json.error?.message, ...json }
}

const stateOf = (name: string) => readMeters(folder).find((meter) => meter.name === name)!

describe('spb manufacturer init', () => {
  it('is asked for where there is no key', async () => {
    const line = `manufacturer issue ${elsewhere} --model S1`
    expect(await spb(line)).toMatchObject({ exit: 2, code: 'input/option' })
    expect(await spb('manufacturer list')).toMatchObject({ exit: 2, code: 'input/option' })
    expect(manufacturerOf(folder)).toBeUndefined()
  })

  it('makes the key that spb up uses, once', async () => {
    const made = await spb('manufacturer init')
    expect(made).toMatchObject({ isNew: true, address: manufacturerOf(folder) })
    expect(made.file).toBe(join(folder.node, 'manufacturer.key'))
    expect(await spb('manufacturer init')).toMatchObject({ isNew: false, address: made.address })
    const { out } = await runCli(cli, 'manufacturer init')
    expect(out).toContain(`spb committee propose manufacturer ${made.address} --out trust.json`)
  })
})

describe('spb manufacturer issue', () => {
  it('certifies a meter elsewhere by its identity, in a file', async () => {
    const line = `manufacturer issue ${elsewhere.toUpperCase()} --model AS1440`
    const issued = await spb(`${line} --until 2035-12-31`)
    expect(issued).toMatchObject({ modelText: 'AS1440', installedIn: null })
    expect(issued.file).toBe(join(cli.cwd, `${elsewhere}.cert.json`))
    const signed = readCertificate(cli, issued.file)
    expect(signed.certificate).toEqual({
      ...{ meter: elsewhere, model: encodeModel('AS1440') },
      notAfterSeconds: Date.UTC(2036, 0, 1) / 1000 - 1,
    })
    expect(recoverManufacturer(signed)).toBe(manufacturerOf(folder))
  })

  it('lasts ten years unless told otherwise', async () => {
    const { certificate } = await spb(`manufacturer issue ${elsewhere} --model S1 --out a.json`)
    expect(certificate.notAfterSeconds).toBe(now + 3650 * daySeconds)
  })

  it('gives one of the folder’s meters its certificate at once', async () => {
    createMeter(folder, 'alice', seconds(now - daySeconds)).close()
    const before = stateOf('alice')
    const line = 'manufacturer issue alice --model S2 --for 730d'
    const issued = await spb(line)
    expect(issued).toMatchObject({ installedIn: 'alice', file: null })
    const { certificate, manufacturerSignature } = issued
    expect(certificate).toEqual({
      ...{ meter: before.certificate.meter, model: encodeModel('S2') },
      notAfterSeconds: now + 730 * daySeconds,
    })
    expect(stateOf('alice')).toEqual({ ...before, certificate, manufacturerSignature })
    const meter = openMeter(folder, 'alice')
    expect(meter.identity).toBe(certificate.meter)
    meter.close()
    expect((await runCli(cli, line)).out).toContain('Its meter “alice” has the certificate.')
  })

  it.each([
    ['alice --model S1 --until 2025-06-14', 2, 'input/time'],
    ['alice --model S1 --until 1750000000', 2, 'input/time'],
    ['alice --model S1 --until soon', 2, 'input/time'],
    ['alice --model S1 --for 2035-12-31', 2, 'input/duration'],
    ['alice --model S1 --for 1d --until 2035-12-31', 2, 'input/option'],
    ['alice', 2, 'input/option'],
    [`alice --model ${'x'.repeat(32)}`, 2, 'input/option'],
    ['carl --model S1', 4, 'meter/unknown'],
    ['0x12 --model S1', 2, 'input/address'],
    [`0x${'00'.repeat(20)} --model S1`, 2, 'input/address'],
  ])('refuses and keeps nothing: %s', async (words, exit, code) => {
    const before = readFileSync(issuedLogPath(folder), 'utf8')
    const state = stateOf('alice')
    expect(await spb(`manufacturer issue ${words}`)).toMatchObject({ exit, code })
    expect(readFileSync(issuedLogPath(folder), 'utf8')).toBe(before)
    expect(stateOf('alice')).toEqual(state)
  })

  it('waits for no meter that is in use', async () => {
    const meter = openMeter(folder, 'alice')
    try {
      const refused = await spb('manufacturer issue alice --model S1')
      expect(refused).toMatchObject({ exit: 5, code: 'meter/locked' })
    } finally {
      meter.close()
    }
    expect(stateOf('alice').certificate.model).toBe(encodeModel('S2'))
  })
})

describe('spb meter certificate', () => {
  it('shows what a meter has', async () => {
    const shown = await spb('meter certificate alice')
    expect(shown).toMatchObject({ isInstalled: false, modelText: 'S2' })
    expect(shown.manufacturer).toBe(manufacturerOf(folder))
    expect(await spb('meter certificate carl')).toMatchObject({ exit: 4, code: 'meter/unknown' })
  })

  it('installs a new one, and tells a change of manufacturer', async () => {
    const { meter } = stateOf('alice').certificate
    await spb('manufacturer init --data other')
    await spb(`manufacturer issue ${meter} --model S3 --out new.json --data other`)
    const { out } = await runCli(cli, 'meter certificate alice new.json')
    expect(out).toContain('Meter alice has a new certificate')
    expect(out).toContain(`Its manufacturer was ${manufacturerOf(folder)} before.`)
    expect(await spb('meter certificate alice')).toMatchObject({ modelText: 'S3' })
  })

  it('refuses one of another meter, ended, or damaged, and keeps the old one', async () => {
    const before = stateOf('alice')
    const json = JSON.parse(readFileSync(join(cli.cwd, 'new.json'), 'utf8'))
    const write = (name: string, value: unknown) =>
      writeFileSync(join(cli.cwd, name), JSON.stringify(value))
    write('ended.json', { ...json, certificate: { ...json.certificate, notAfterSeconds: now } })
    write('unsigned.json', { ...json, manufacturerSignature: `0x${'00'.repeat(64)}` })
    write('short.json', { certificate: json.certificate })
    const refusals: [string, number, string][] = [
      ['a.json', 3, 'meter/certificate-invalid'],
      ['ended.json', 3, 'meter/certificate-expired'],
      ['unsigned.json', 2, 'signature/invalid'],
      ['short.json', 2, 'input/shape'],
      ['none.json', 2, 'file/unreadable'],
    ]
    for (const [file, exit, code] of refusals) {
      expect(await spb(`meter certificate alice ${file}`)).toMatchObject({ exit, code })
    }
    expect(stateOf('alice')).toEqual(before)
  })
})

describe('spb manufacturer list', () => {
  let node: FakeNode
  let server: ApiServer
  const trust = (changes: Partial<MarketView>) => {
    const view = createFakeNode().market()
    node.market = () => ({ ...view, manufacturers: [], revokedMeters: [], ...changes })
  }
  const nodeNow = () => node.current.head!.timeSeconds

  beforeAll(async () => {
    node = createFakeNode()
    server = createApiServer({ node, port: 0 })
    await server.listen()
  })
  afterAll(() => server.close())

  it('shows what was issued, newest first, also where no node runs', async () => {
    const list = await spb('manufacturer list')
    expect(list).toMatchObject({ manufacturer: manufacturerOf(folder), market: null })
    const models = list.certificates.map((row: { modelText: string }) => row.modelText)
    expect(models).toEqual(['S1', 'S2', 'S2', 'S1', 'AS1440'])
    expect(list.certificates.at(-1)).toMatchObject({ meter: elsewhere, isEnded: false })
    const { out } = await runCli(cli, 'manufacturer list')
    expect(out).toContain('No node answers')
    expect(out).toMatch(new RegExp(`${elsewhere} +AS1440 +20`))
  })

  it('says whether the market trusts it, and until when', async () => {
    const manufacturer = manufacturerOf(folder)!
    const ask = async () => (await spb(`manufacturer list --node ${server.url}`)).market
    trust({})
    expect(await ask()).toMatchObject({ isTrusted: false, endsSeconds: null })
    trust({ manufacturers: [{ manufacturer, endsSeconds: seconds(2 ** 40 - 1) }] })
    expect(await ask()).toMatchObject({ isTrusted: true, endsSeconds: 2 ** 40 - 1 })
    const { out } = await runCli(cli, `manufacturer list --node ${server.url}`)
    expect(out).toMatch(/trusts it without end\./)
    trust({ manufacturers: [{ manufacturer, endsSeconds: nodeNow() }] })
    expect(await ask()).toMatchObject({ isTrusted: false, endsSeconds: nodeNow() })
  })

  it('shows ended and revoked certificates', async () => {
    trust({ revokedMeters: [{ meter: elsewhere, endsSeconds: seconds(now + 3600) }] })
    const later = { ...cli, nowMs: () => testNowMs + 800 * daySeconds * 1000 }
    const { out } = await runCli(later, `manufacturer list --node ${server.url} --json`)
    const { certificates } = JSON.parse(out)
    expect(certificates[0]).toMatchObject({ modelText: 'S1', isEnded: false })
    expect(certificates[1]).toMatchObject({ modelText: 'S2', isEnded: true })
    expect(certificates[4]).toMatchObject({ meter: elsewhere, revokedFromSeconds: now + 3600 })
    const text = (await runCli(later, `manufacturer list --node ${server.url}`)).out
    expect(text).toMatch(/S2 .* ended\n/)
    expect(text).toMatch(/revoked from/)
    expect(text).toContain('does not trust it')
    trust({ revokedMeters: [{ meter: elsewhere, endsSeconds: seconds(2 ** 40 - 1) }] })
    const back = (await runCli(later, `manufacturer list --node ${server.url}`)).out
    expect(back).not.toContain('revoked')
  })

  it('must reach a node that was named, and passes over one that ended', async () => {
    const rpcUrl = 'http://127.0.0.1:1'
    const { address, chainId } = node.market()
    writeEndpoint(folder, { url: rpcUrl, rpcUrl, market: address, chainId })
    expect(await spb('manufacturer list')).toMatchObject({ exit: 0, market: null })
    const named = await spb(`manufacturer list --node ${rpcUrl}`)
    expect(named).toMatchObject({ exit: 5, code: 'node/unreachable' })
  })

  it('tells damaged lines', async () => {
    writeFileSync(issuedLogPath(folder), `${readFileSync(issuedLogPath(folder), 'utf8')}{"iss`)
    const list = await spb('manufacturer list')
    expect(list).toMatchObject({ damagedLines: [6], certificates: { length: 5 } })
    const { out } = await runCli(cli, 'manufacturer list')
    expect(out).toContain('Damaged lines of issued.jsonl, left out: 6')
  })
})
