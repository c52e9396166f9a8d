import { join } from 'node:path'
import { encodeAbiParameters } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeRpc } from '../../adapters/chain/fakeRpc.ts'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode, type FakeNode } from '../../api/fakeNode.ts'
import { seconds } from '../../protocol/units.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { formatUtc } from '../formatEnd.ts'
import { createMeter, readMeters } from '../meterFolder.ts'
import { createTestCli, runCli, testNowMs } from '../testCli.cases.ts'
import { describeProposal, readProposal } from './proposal.ts'

const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const address = `0x${'5a'.repeat(20)}` as const
const hourSeconds = 3600
const longestLifeSeconds = 26 * hourSeconds

let node: FakeNode
let api: ApiServer
let rpc: Awaited<ReturnType<typeof startFakeRpc>>
let chainTime: number

beforeAll(async () => {
  node = createFakeNode()
  const view = { ...node.market(), manufacturers: [], revokedMeters: [] }
  node.market = () => view
  expect(view.options.longestLifeSeconds).toBe(longestLifeSeconds)
  chainTime = node.current.head!.timeSeconds
  api = createApiServer({ node, port: 0 })
  await api.listen()
  // The contract is asked for the next sequence only.
  rpc = await startFakeRpc(() => encodeAbiParameters([{ type: 'uint64' }], [7n]))
})
afterAll(() => Promise.all([api.close(), rpc.close()]))

async function propose(words: string) {
  const line = `committee propose ${words} --node ${api.url} --chain ${rpc.url} --json`
  const { code, out } = await runCli(cli, line)
  const json = JSON.parse(out)
  return { exit: code, code: json.error?.code, ...json }
}

/** What the file’s call says, not what the command says of it. */
const saysIn = (file: string) => describeProposal(readProposal(cli, file))

describe('spb committee propose', () => {
  it('writes that an authority is trusted, or no longer', async () => {
    const made = await propose(`authority ${address} --out a.json`)
    expect(made).toMatchObject({ file: join(cli.cwd, 'a.json'), sequence: '7', quorum: 1 })
    expect(saysIn('a.json')).toBe(`trust the authority ${address}`)
    await propose(`authority ${address} --revoke --out a.json`)
    expect(saysIn('a.json')).toBe(`no longer trust the authority ${address}`)
  })

  it('trusts a manufacturer without end', async () => {
    const made = await propose(`manufacturer ${address} --out m.json`)
    expect(made.applyUntilSeconds).toBeUndefined()
    expect(made.says).toBe(`trust meters of the manufacturer ${address} without end`)
    expect(saysIn('m.json')).toBe(made.says)
  })

  it('ends a manufacturer’s standing, no nearer than the longest life', async () => {
    const made = await propose(`manufacturer ${address} --ends 27h --out m.json`)
    const end = chainTime + 27 * hourSeconds
    expect(saysIn('m.json')).toBe(
      `trust meters of the manufacturer ${address} until ${formatUtc(end)}`,
    )
    expect(made.applyUntilSeconds).toBe(chainTime + hourSeconds)
    await propose(`manufacturer ${address} --ends 26h --out edge.json`)
    expect(saysIn('edge.json')).toContain(formatUtc(chainTime + longestLifeSeconds))
  })

  it.each([
    ['25h', 'input/time'],
    ['93599s', 'input/time'],
    ['2025-12-31', 'input/time'],
    ['soon', 'input/time'],
    ['0h', 'input/duration'],
  ])('refuses an end before it is sent: --ends %s', async (ends, code) => {
    for (const kind of ['manufacturer', 'revoke-meter']) {
      const refused = await propose(`${kind} ${address} --ends ${ends} --out none.json`)
      expect(refused).toMatchObject({ exit: 2, code })
    }
    expect(() => readProposal(cli, 'none.json')).toThrow()
  })

  it('revokes a meter as soon as can be, with time to sign', async () => {
    const made = await propose(`revoke-meter ${address} --out r.json`)
    const end = formatUtc(chainTime + longestLifeSeconds + 600)
    expect(saysIn('r.json')).toBe(
      `revoke the meter ${address}: trust it until ${end} and no longer`,
    )
    expect(made.applyUntilSeconds).toBe(chainTime + 600)
    const line = `committee propose revoke-meter ${address} --out r.json`
    const { out } = await runCli(cli, `${line} --node ${api.url} --chain ${rpc.url}`)
    expect(out).toContain(`The contract takes it until ${formatUtc(chainTime + 600)}`)
  })

  it('takes a revocation back, and knows the folder’s meters by name', async () => {
    createMeter(folder, 'alice', seconds(testNowMs / 1000)).close()
    const { meter } = readMeters(folder)[0]!.certificate
    const made = await propose('revoke-meter alice --ends never --out b.json')
    expect(made.says).toBe(`trust the meter ${meter} again, without end`)
    expect(made.applyUntilSeconds).toBeUndefined()
  })

  it.each([
    ['manufacturer alice --out x.json', 2, 'input/address'],
    ['revoke-meter 0x12 --out x.json', 2, 'input/address'],
    ['revoke-meter carl --out x.json', 4, 'meter/unknown'],
    ['authority carl --out x.json', 4, 'account/unknown'],
    [`manufacturer ${address}`, 2, 'input/option'],
    [`manufacturer ${address} --revoke --out x.json`, 2, 'input/option'],
    [`${address} --out x.json`, 2, 'input/option'],
  ])('refuses: %s', async (words, exit, code) => {
    expect(await propose(words)).toMatchObject({ exit, code })
  })
})
