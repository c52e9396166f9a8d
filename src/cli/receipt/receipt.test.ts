import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { makeErc, makeTradeProof } from '../../../test/support/proofFixture.ts'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode, fakeMarket } from '../../api/fakeNode.ts'
import { parties } from '../../ports/chainWorld.ts'
import {
  formatTradeProof,
  mostProofCharacters,
  parseTradeProof,
  type TradeProof,
} from '../../protocol/tradeProof.ts'
import { seconds, wh } from '../../protocol/units.ts'
import type { CtpDossier } from '../../protocol/views.ts'
import { createTestCli, runCli } from '../testCli.cases.ts'

const cli = createTestCli()
const { proof, ctpId } = makeTradeProof(fakeMarket)
const { ctp, consumerSignature, certificate, receipt, evidence, meterReadySignature } = proof

const dossier: CtpDossier = {
  ...{ number: 17, ctpId, consumer: parties.alice.address, ctp, consumerSignature },
  ...{ state: 'receipted', deliveredWh: wh(1000), paymentWei: ctp.amountWei },
  ...{ settlesFromSeconds: seconds(1), freeAtSeconds: seconds(2) },
  holdCertificate: { ctp, consumerSignature, ...certificate },
  ...{ receipt: receipt!, evidence: evidence!, meterReadySignature: meterReadySignature! },
}

let server: ApiServer | undefined
afterEach(() => server?.close())

async function serve(trade: CtpDossier): Promise<string> {
  const node = createFakeNode()
  node.trades.set(trade.ctpId, trade)
  server = createApiServer({ node, port: 0 })
  await server.listen()
  return server.url
}

const inFolder = (name: string) => join(cli.cwd, name)

function write(name: string, changed: TradeProof | string): string {
  const text = typeof changed === 'string' ? changed : formatTradeProof(changed)
  writeFileSync(inFolder(name), text)
  return name
}

type Report = { verdict: string; checks: { check: string; verdict: string; code?: string }[] }

async function verify(line: string): Promise<{ code: number; report: Report }> {
  const { code, out } = await runCli(cli, `receipt verify ${line} --json`)
  return { code, report: JSON.parse(out) as Report }
}

async function refuse(line: string): Promise<[number, string]> {
  const { code, out } = await runCli(cli, `${line} --json`)
  return [code, (JSON.parse(out) as { error: { code: string } }).error.code]
}

describe('spb receipt export', () => {
  it('writes what the node knows, for its owner only, and replaces nothing unasked', async () => {
    const url = await serve(dossier)
    const { code, out } = await runCli(cli, `receipt export 17 --node ${url}`)
    expect(code).toBe(0)
    expect(out).toContain('spb receipt verify receipt-17.json')
    const path = inFolder('receipt-17.json')
    expect(parseTradeProof(readFileSync(path, 'utf8'))).toEqual({ ...proof, number: 17 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(await refuse(`receipt export ${ctpId} --node ${url}`)).toEqual([3, 'file/exists'])
    expect((await runCli(cli, `receipt export 17 --node ${url} --force`)).code).toBe(0)
    await runCli(cli, `receipt export 17 --node ${url} --out other.json`)
    expect(existsSync(inFolder('other.json'))).toBe(true)
  })

  it('refuses what is not certified, and what is not there', async () => {
    const { holdCertificate: _, ...proposed } = dossier
    const url = await serve({ ...proposed, state: 'proposed' })
    const refused = [3, 'proof/not-certified']
    expect(await refuse(`receipt export 17 --out new.json --node ${url}`)).toEqual(refused)
    expect(await refuse(`receipt export 18 --node ${url}`)).toEqual([4, 'ctp/unknown'])
    expect(await refuse('receipt export 18')).toEqual([5, 'node/unreachable'])
    expect(existsSync(inFolder('new.json'))).toBe(false)
  })
})

describe('spb receipt verify', () => {
  it('says plainly what it could not check without a chain', async () => {
    const file = write('valid.json', proof)
    const { code, report } = await verify(file)
    expect({ code, verdict: report.verdict }).toEqual({ code: 0, verdict: 'signatures-valid' })
    const { out } = await runCli(cli, `receipt verify ${file}`)
    expect(out).toContain('✓ receipt       the meter key receipted 1000 of 1000 Wh')
    expect(out).toContain('– payment       no chain was asked')
    expect(out).toMatch(/Signatures valid, not checked against a chain\.\n$/)
  })

  it('ends with 3 where something failed, and names it', async () => {
    const foreign = makeErc(fakeMarket, `0x${'ab'.repeat(32)}`, 1000)
    const file = write('foreign.json', { ...proof, receipt: foreign })
    const { code, report } = await verify(file)
    expect({ code, verdict: report.verdict }).toEqual({ code: 3, verdict: 'failed' })
    expect(report.checks.find(({ check }) => check === 'receipt')).toMatchObject({
      ...{ verdict: 'failed', code: 'erc/unknown-ctp' },
    })
    const shown = await runCli(cli, `receipt verify ${file}`)
    expect(shown).toMatchObject({ code: 3, err: '' })
    expect(shown.out).toContain('✗ receipt       The receipt is of another CTP. (erc/unknown-ctp)')
    const other = `0x${'52'.repeat(20)}`
    const { report: named } = await verify(`${write('valid.json', proof)} --market ${other}`)
    expect(named).toMatchObject({ verdict: 'failed' })
  })

  it.each<[string, string, [number, string]]>([
    ['not JSON', '{', [2, 'input/shape']],
    ['of another form', '{"says": "paid"}', [2, 'input/shape']],
    ['too long', ' '.repeat(mostProofCharacters + 1), [2, 'input/too-large']],
  ])('refuses a file that is %s', async (_, text, expected) => {
    expect(await refuse(`receipt verify ${write('odd.json', text)}`)).toEqual(expected)
  })

  it('refuses a missing file, a market that is none, a chain that is silent', async () => {
    const file = write('valid.json', proof)
    expect(await refuse('receipt verify none.json')).toEqual([2, 'file/unreadable'])
    expect(await refuse('receipt verify .')).toEqual([2, 'file/unreadable'])
    expect(await refuse(`receipt verify ${file} --market bob`)).toEqual([2, 'input/address'])
    expect(await refuse(`receipt verify ${file} --chain http://127.0.0.1:1`)).toEqual([
      ...[5, 'chain/unreachable'],
    ])
  })
})
