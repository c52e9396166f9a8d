import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type AnvilHandle, startAnvil } from '../../adapters/chain/anvil.ts'
import { setBalance } from '../../adapters/chain/anvilControl.ts'
import { findUntrusted } from '../../adapters/chain/findUntrusted.ts'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import { createFakeNode } from '../../api/fakeNode.ts'
import { addressOf } from '../../protocol/signature.ts'
import { maxUint40, seconds } from '../../protocol/units.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { writeEndpoint } from '../endpoint.ts'
import { openNodeKey } from '../nodeKeys.ts'
import { createTestCli, runCli, testNowMs } from '../testCli.cases.ts'
import { joinChain } from '../up/startChain.ts'
import type { UpOptions } from '../up/upOptions.ts'

const [one, other, stranger] = [0x11, 0x22, 0x33].map(
  (byte) => `0x${byte.toString(16).repeat(20)}` as const,
) as [`0x${string}`, `0x${string}`, `0x${string}`]

describe('whom a market trusts from its first block on', () => {
  let anvil: AnvilHandle
  beforeAll(async () => {
    anvil = await startAnvil({ chainId: 31_337 })
  })
  afterAll(() => anvil.stop())

  /** Deploys a market from a data folder of its own. */
  async function create(words: string) {
    const cli = createTestCli()
    const folder = dataFolderOf(cli, {})
    await setBalance(anvil, addressOf(openNodeKey(folder, 'member')), 10n ** 18n)
    const { out } = await runCli(cli, `market create --chain ${anvil.url} ${words} --json`)
    return { folder, market: JSON.parse(out) }
  }

  it('is the folder’s own manufacturer, or those that were named', async () => {
    const { market, folder } = await create('--grace 5m')
    const own = addressOf(openNodeKey(folder, 'manufacturer'))
    expect(market.manufacturers).toEqual([own])
    const place = { url: anvil.url, address: market.address }
    expect(await findUntrusted(place, [one, own])).toEqual([one])
    const named = (await create(`--manufacturer ${one} ${other}`)).market
    expect(named.manufacturers).toEqual([one, other])
    const namedPlace = { url: anvil.url, address: named.address }
    expect(await findUntrusted(namedPlace, [own, other, one])).toEqual([own])
    expect(await findUntrusted(namedPlace, [])).toEqual([])
  })

  it('cannot be changed by spb up: its committee decides', async () => {
    const { market } = await create(`--manufacturer ${one}`)
    const url = anvil.url
    const join = (manufacturers: UpOptions['manufacturers']) => {
      const options: UpOptions = {
        ...{ chainUrl: url, market: market.address, host: '127.0.0.1', port: 0 },
        ...{ blockTimeSeconds: 1, manufacturers, terms: {}, chainWaitMs: 0 },
      }
      const wait = { longestMs: 0, nowMs: () => 0, say: () => expect.fail('nothing to say') }
      return joinChain(dataFolderOf(createTestCli(), {}), options, url, wait)
    }
    expect(await join([one])).toMatchObject({ url, isNewMarket: false })
    await expect(join([one, stranger])).rejects.toMatchObject({
      code: 'input/option',
      hint: expect.stringContaining('spb committee propose manufacturer'),
      meta: { manufacturer: stranger },
    })
  })
})

describe('spb market show', () => {
  const cli = createTestCli()
  const node = createFakeNode()
  let api: ApiServer
  beforeAll(async () => {
    api = createApiServer({ node, port: 0 })
    await api.listen()
    const { address, chainId } = node.market()
    const endpoint = { url: api.url, rpcUrl: 'http://127.0.0.1:1', market: address, chainId }
    writeEndpoint(dataFolderOf(cli, {}), endpoint)
  })
  afterAll(() => api.close())

  it('names manufacturers and revoked meters, and until when each counts', async () => {
    const view = node.market()
    const endsSeconds = seconds(testNowMs / 1000 + 7_200)
    node.market = () => ({
      ...view,
      manufacturers: [
        { manufacturer: one, endsSeconds: seconds(maxUint40) },
        { manufacturer: other, endsSeconds },
      ],
      revokedMeters: [{ meter: stranger, endsSeconds }],
    })
    const { out } = await runCli(cli, 'market show')
    expect(out).toMatch(new RegExp(`manufacturer +${one} without end`))
    expect(out).toMatch(new RegExp(`manufacturer +${other} until .*2 h\\)`))
    expect(out).toMatch(new RegExp(`revoked meter +${stranger}, counts until .*2 h\\)`))
    node.market = () => ({ ...view, manufacturers: [], revokedMeters: [] })
    expect((await runCli(cli, 'market show')).out).toMatch(/manufacturers +none/)
  })
})
