import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { requestAnvil } from '../../src/adapters/chain/anvilRpc.ts'
import {
  boundMs,
  type Json,
  type LongCommand,
  openCommandLine,
  until,
} from '../support/commandLine.ts'

const commands = openCommandLine('by-hand')
const { folder, data, spb, fail, run } = commands

type Up = LongCommand & { port: number }

/** Starts `spb up`, and waits until it says that it runs. */
async function up(words = ''): Promise<Up> {
  const started = await commands.startLong(`up --port 0 ${words}`.trim())
  return {
    ...started,
    port: Number(new URL(String(started.ready.rpcUrl)).port),
    stop() {
      // A terminal and a parent process both hand on one Ctrl-C.
      started.child.kill('SIGINT')
      return started.stop()
    },
  }
}

let node: Up

/** Lets time on the embedded chain pass at once. */
async function pass(seconds: number): Promise<void> {
  await requestAnvil(node.port, 'evm_increaseTime', [seconds])
}

/** What must be the same after a restart; block time goes on. */
async function readAll(): Promise<unknown> {
  const trades = await spb<Json[]>('trades')
  const lasting = trades.map(({ settlesFromSeconds: _, ...trade }) => trade)
  return [lasting, ...(await Promise.all([spb('offers'), spb('account show alice')]))]
}

const stateIs = (state: string) => (trade: Json) => trade.state === state

beforeAll(async () => {
  node = await up('--grace 60s --longest-life 2h --withdrawal-delay 3h')
}, boundMs)

afterAll(async () => {
  await node?.stop()
  commands.close()
}, boundMs)

describe('a market run by hand', { timeout: boundMs }, () => {
  it('gives households accounts with money', async () => {
    expect(node.ready).toMatchObject({ isNewMarket: true, isEmbedded: true, member: 0 })
    const [alice, bob] = await Promise.all([spb('account new alice'), spb('account new bob')])
    expect(statSync(join(data, 'accounts/alice.json')).mode & 0o777).toBe(0o600)
    await Promise.all([spb('account fund alice 10'), spb('account fund bob 1')])
    expect(await spb('account deposit alice 5')).toMatchObject({
      ...{ amountWei: '5000000000000000000', isCounted: true },
    })
    const list = await spb<Json[]>('account list')
    expect(list).toEqual([
      { name: 'alice', address: alice.address, balanceWei: '5000000000000000000' },
      { name: 'bob', address: bob.address, balanceWei: '0' },
    ])
    const { stdout } = await run('account show alice')
    expect(stdout).toMatch(/in the market +5 ether/)
  })

  it('lets producers offer energy, admitted by a burn or by an authority', async () => {
    const certificate = join(folder, 'alice.json')
    await spb(`energy certify alice --out ${certificate}`)
    const [burnt] = await Promise.all([
      spb('energy open bob'),
      spb(`energy open alice --certificate ${certificate}`),
    ])
    expect(burnt).toMatchObject({ burnWei: '10000000000000000' })
    const offer = await spb('energy add bob 10kWh --price 0.0002')
    expect(offer).toMatchObject({ offerId: '1', energyWh: 10_000, isNegotiable: false })
    await spb('energy add alice 500 --price 0.0001 --negotiable --until 2h')
    const cheap = await spb<Json[]>('offers --below 0.00015 --energy 0.5kWh')
    expect(cheap).toMatchObject([{ offerId: '2', leftWh: 500, isNegotiable: true }])
    await spb('offer withdraw 2')
    expect(await spb<Json[]>('offers')).toMatchObject([{ offerId: '1', leftWh: 10_000 }])
    expect(await fail('offer withdraw 2')).toEqual([3, 'offer/closed'])
  })

  it('settles and pays a full delivery at once', async () => {
    expect(await fail('ctp bob 0.0003 1500')).toEqual([4, 'meter/unknown'])
    expect(await spb('meter new alice')).toMatchObject({ keysLeft: 256 })
    const ctp = await spb('ctp bob 0.0003 1500')
    expect(ctp).toMatchObject({ number: 1, state: 'held', meterKeysLeft: 255, isRepeat: false })
    expect(await spb('account show alice')).toMatchObject({
      ...{ heldWei: '300000000000000', nextNonce: 1, holds: [{ number: 1 }] },
    })
    expect(await spb('erc 1 1.5kWh')).toMatchObject({ ctp: { deliveredWh: 1500 }, excessWh: 0 })
    const trade = await until(() => spb('trade 1'), stateIs('settled'))
    expect(trade).toMatchObject({ ctpId: ctp.ctpId, paymentWei: '300000000000000' })
    expect(await spb('account show bob')).toMatchObject({ balanceWei: '300000000000000' })
    expect(await fail('erc 1 1500')).toEqual([3, 'erc/closed'])
  })

  it('settles a partial delivery past its expiry', async () => {
    const { ctpId } = await spb('CTP bob 0.0003 1500 --offer 1 --expiry 60s')
    const receipt = await spb(`ERC ${ctpId} 900`)
    expect(receipt).toMatchObject({ ctp: { number: 2, paymentWei: '180000000000000' } })
    expect((await run('trade 2')).stdout).toContain('900 Wh of 1.5 kWh are receipted so far')
    await pass(60 + 35)
    await until(() => spb('trade 2'), stateIs('settled'))
    expect(await spb('account show alice')).toMatchObject({
      ...{ balanceWei: '4999520000000000000', heldWei: '0' },
    })
    const settled = await spb<Json[]>('trades --account bob --state settled --limit 5')
    expect(settled.map(({ number }) => number)).toEqual([2, 1])
  })

  it('pays withdrawals out when their delay has passed', async () => {
    await spb('account withdraw bob 0.0001')
    expect(await fail('account withdraw bob --finish')).toEqual([3, 'chain/reverted'])
    await pass(3 * 3600)
    const paid = await until(
      () => run('account withdraw bob --finish --json'),
      ({ code }) => code === 0,
    )
    expect(JSON.parse(paid.stdout)).toMatchObject({ amountWei: '100000000000000' })
    expect(await spb('account show bob')).toMatchObject({
      ...{ balanceWei: '380000000000000', requestedWei: '0' },
    })
  })

  it('lets its committee decide', async () => {
    const proposal = join(folder, 'trust.json')
    await spb(`committee propose authority bob --out ${proposal}`)
    expect(await fail(`committee apply ${proposal}`)).toEqual([2, 'certificate/too-few-votes'])
    expect(await spb(`committee sign ${proposal}`)).toMatchObject({ signatures: 1, quorum: 1 })
    await spb(`committee apply ${proposal}`)
    expect(await spb('committee show')).toMatchObject({ epoch: 1, governanceSequence: '1' })
    expect(await fail(`committee apply ${proposal}`)).toEqual([3, 'chain/reverted'])
  })

  it('says in three lines what is wrong', async () => {
    const { code, stdout, stderr } = await run('ctp bob 0.0004 1500')
    expect({ code, stdout }).toEqual({ code: 3, stdout: '' })
    expect(stderr).toBe(
      'error: Offer 1 asks 0.0003 ether for 1.5 kWh.\n' +
        'hint:  Pay just that, or more where the offer is negotiable: spb offers.\n' +
        'code:  offer/wrong-price\n',
    )
  })

  it.each<[string, number, string, NodeJS.ProcessEnv?]>([
    ['ctp bob 0.0003 1500', 3, 'account/wrong-password', { SPB_PASSWORD: 'wrong' }],
    ['ctp carol 0.0003 1500', 4, 'account/unknown'],
    ['ctp bob 0.003 15000', 3, 'offer/sold-out'],
    ['ctp bob 0.0003 1.5', 2, 'input/energy'],
    ['account new alice', 3, 'account/exists'],
    ['trade 99', 4, 'ctp/unknown'],
    ['node status --node http://127.0.0.1:1', 5, 'node/unreachable'],
  ])('refuses: spb %s', async (text, exitCode, errorCode, env) => {
    expect(await fail(text, env)).toEqual([exitCode, errorCode])
  })

  it('refuses what the account cannot pay', async () => {
    await spb('account new carl')
    expect(await fail('ctp bob 0.0003 1500 --account carl --meter alice')).toEqual([
      3,
      'ctp/insufficient-balance',
    ])
  })
})

describe('spb up', { timeout: boundMs }, () => {
  it('refuses a second one on its folder', async () => {
    expect(await fail('up --port 0')).toEqual([5, 'store/locked'])
  })

  it('refuses a port that is in use', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as AddressInfo
    expect(await fail(`up --data other --port ${port}`)).toEqual([5, 'node/port-in-use'])
    await new Promise((resolve) => server.close(resolve))
  })

  it('says which chain does not answer, is another, or has no market', async () => {
    const market = String(node.ready.market)
    const nobody = `0x${'0'.repeat(39)}9`
    const rpcUrl = String(node.ready.rpcUrl)
    const fails = await Promise.all([
      fail(`up --data a --port 0 --chain http://127.0.0.1:1 --market ${market} --wait 1s`),
      fail(`up --data b --port 0 --chain ${rpcUrl} --market ${nobody}`),
      fail(`up --data c --port 0 --chain ${rpcUrl}`),
    ])
    expect(fails).toEqual([
      [5, 'chain/unreachable'],
      [5, 'chain/no-contract'],
      [2, 'input/option'],
    ])
  })

  it('follows a market beside a given Ethereum client, without being a member', async () => {
    const { rpcUrl, market } = node.ready
    const beside = `--chain ${rpcUrl} --market ${market}`
    const second = await up(`--data second --confirmations 0 ${beside}`)
    expect(second.ready).toMatchObject({ isEmbedded: false, member: null })
    const offers = await spb<Json[]>(`offers --node ${second.ready.url}`)
    expect(offers).toMatchObject([{ offerId: '1' }])
    expect(await second.stop()).toBe(0)
    expect(
      await fail('up --data second --market 0x0000000000000000000000000000000000000009'),
    ).toEqual([5, 'store/wrong-market'])
  })

  it('ends at Ctrl-C with everything kept, and goes on', async () => {
    const held = await spb('ctp bob 0.0002 1000 --expiry 1h --account alice')
    const before = await readAll()
    expect(await node.stop()).toBe(0)
    expect(existsSync(join(data, 'endpoint.json'))).toBe(false)
    await expect(requestAnvil(node.port, 'eth_chainId')).rejects.toThrow()
    expect(await fail('trades')).toEqual([5, 'node/unreachable'])

    const { market } = node.ready
    node = await up()
    expect(node.ready).toMatchObject({ market, isNewMarket: false, isAdopted: false })
    expect(await readAll()).toEqual(before)
    await spb(`erc ${held.number} 1000`)
    await until(() => spb(`trade ${held.number}`), stateIs('settled'))
  })

  it('keeps a journal of what was signed, and never signs twice at one nonce', async () => {
    const journal = join(data, 'accounts/alice.journal.json')
    const { signed } = JSON.parse(readFileSync(journal, 'utf8')) as { signed: Json[] }
    const nonces = signed.map((entry) => (entry.submission as { ctp: Json }).ctp.nonce)
    expect(nonces).toEqual([0, 1, 2])
    writeFileSync(journal, '{')
    expect(await fail('ctp bob 0.0003 1500 --account alice')).toEqual([5, 'account/damaged'])
  })

  it('ends when its chain dies, and says so', async () => {
    const record = readFileSync(join(data, 'chain/anvil.pid.json'), 'utf8')
    process.kill((JSON.parse(record) as { pid: number }).pid, 'SIGKILL')
    expect(await node.ended).toBe(5)
    expect(node.stderr()).toContain('code:  chain/died')
  })
})
