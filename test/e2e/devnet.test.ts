import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { isAlive } from '../../src/adapters/chain/ownProcess.ts'
import type { DevnetMember } from '../../src/cli/devnet/startDevnet.ts'
import { createNodeClient } from '../../src/sdk/nodeClient.ts'
import {
  boundMs,
  type CommandLine,
  type Json,
  type LongCommand,
  openCommandLine,
  type StartedCommand,
  until,
} from '../support/commandLine.ts'
import { gethForTests } from '../support/gethForTests.ts'

type Devnet = { chain: string; market: string; dataFolder: string; members: DevnetMember[] }

const testMs = 4 * boundMs

let line: CommandLine
/** What a test started and did not end itself. */
let running: StartedCommand[]
beforeEach(() => {
  line = openCommandLine('devnet')
  running = []
})
afterEach(async () => {
  for (const each of running.reverse()) await each.stop()
  line.close()
}, testMs)

async function startDevnet(text: string): Promise<LongCommand & { devnet: Devnet }> {
  const started = await line.startLong(`devnet ${text} --base-port 0`)
  running.push(started)
  return { ...started, devnet: started.ready as Devnet }
}

const statusOf = ({ url }: DevnetMember) => createNodeClient({ url }).status()

/** Process ids of all that works on a folder. */
function pidsOf({ dataFolder, members }: Devnet): number[] {
  const clients = members.flatMap((_, at) => {
    const path = join(dataFolder, 'chain', `geth${at}`, 'geth.pid')
    return existsSync(path) ? [Number(readFileSync(path, 'utf8'))] : []
  })
  return [...members.map(({ pid }) => pid), ...clients]
}

/** A consumer and a producer of a member's folder, ready to trade. */
async function settleIn(at: string): Promise<void> {
  const steps = [
    ...['account new bob', 'account fund bob 1', 'energy open bob'],
    ...['energy add bob 10kWh --price 0.0002', 'account new alice', 'account fund alice 10'],
    ...['account deposit alice 5', 'meter new alice'],
  ]
  for (const step of steps) await line.spb(`${step} --data ${at}`)
}

/** Waits until a trade is as it should be in the eyes of a member. */
const waitForState = (member: DevnetMember, ctpId: string, state: string) =>
  until(
    () =>
      createNodeClient({ url: member.url })
        .ctp(ctpId as `0x${string}`)
        .then((view) => view.state)
        .catch(() => 'unknown'),
    (found) => found === state,
  )

/** Has a meter's receipt kept by so many members as it takes: f + 1. */
async function receipt({ members }: Devnet, number: number, energy: number): Promise<void> {
  const [{ dataFolder, url }, { url: other }] = members as [DevnetMember, DevnetMember]
  await line.spb(`erc ${number} ${energy} --data ${dataFolder} --node ${url} --node ${other}`)
}

/** One trade through the first member, receipted in full; returns its id. */
async function trade(devnet: Devnet, energy: number): Promise<string> {
  const at = devnet.members[0]!.dataFolder
  const ctp = await line.spb<{ number: number; ctpId: string }>(
    `ctp bob ${(energy * 2) / 1e7} ${energy} --account alice --data ${at}`,
  )
  await receipt(devnet, ctp.number, energy)
  return ctp.ctpId
}

describe('spb devnet on one anvil', () => {
  it(
    'runs four members that trade, leaves nothing behind, and can be kept',
    async () => {
      const { devnet, stop } = await startDevnet('--nodes 4 --chain anvil')
      const [first, , , last] = devnet.members as [DevnetMember, DevnetMember, DevnetMember, never]
      expect(devnet.members.map(({ isVoting }) => isVoting)).toEqual([true, true, true, true])
      const { committee } = await statusOf(first)
      expect(committee).toEqual(devnet.members.map(({ address }) => address))
      await settleIn(first.dataFolder)
      const ctpId = await trade(devnet, 1_500)
      await waitForState(last, ctpId, 'settled')
      const pids = pidsOf(devnet)
      expect(await stop()).toBe(0)
      expect(pids.filter(isAlive)).toEqual([])
      expect(existsSync(devnet.dataFolder)).toBe(false)
    },
    testMs,
  )

  it(
    'goes on in a folder that is kept, and tells of a member that dies',
    async () => {
      const options = `--nodes 1 --chain anvil --data ${join(line.folder, 'kept')}`
      const { devnet, stop } = await startDevnet(options)
      expect(await line.fail(`devnet ${options}`)).toEqual([5, 'store/locked'])
      expect(await stop()).toBe(0)
      const again = await startDevnet(options)
      expect(again.devnet).toMatchObject({ market: devnet.market, dataFolder: devnet.dataFolder })
      process.kill(again.devnet.members[0]!.pid, 'SIGKILL')
      await until(again.stderr, (said) => said.includes('has ended (SIGKILL)'))
      expect(await again.stop()).toBe(0)
      expect(await line.fail(`devnet ${options.replace('1', '4')}`)).toEqual([2, 'input/option'])
    },
    testMs,
  )

  it(
    'refuses committees and chains that there cannot be',
    async () => {
      expect(await line.fail('devnet --nodes 3')).toEqual([2, 'input/option'])
      expect(await line.fail('devnet --chain besu')).toEqual([2, 'input/option'])
      const missing = { SPB_GETH: join(line.folder, 'no-geth') }
      expect(await line.fail('devnet --chain geth', missing)).toEqual([5, 'chain/no-binary'])
    },
    testMs,
  )
})

describe.skipIf(gethForTests === undefined)('spb devnet on geth (needs geth)', () => {
  it(
    'trades on while a member is down, takes it in again, and proves by a header',
    async () => {
      const { devnet, stop } = await startDevnet('--nodes 4 --chain geth')
      const [first, , , last] = devnet.members as [DevnetMember, DevnetMember, DevnetMember, never]
      const pids = pidsOf(devnet)
      expect(pids).toHaveLength(8)
      await settleIn(first.dataFolder)
      await waitForState(last, await trade(devnet, 1_000), 'settled')

      const victim = last as DevnetMember
      process.kill(victim.pid, 'SIGKILL')
      const ctp = await line.spb<{ number: number; ctpId: string }>(
        `ctp bob 0.0004 2000 --account alice --data ${first.dataFolder}`,
      )
      const port = new URL(victim.url).port
      running.push(await line.startLong(`up --data ${victim.dataFolder} --port ${port}`))
      await waitForState(victim, ctp.ctpId, 'held')

      const proof = await line.spb<Json>(
        `proof ${ctp.number} --data ${first.dataFolder} --wait 60s`,
      )
      expect(proof).toMatchObject({ ctpId: ctp.ctpId, digest: expect.stringMatching(/^0x/) })
      expect(proof.block).not.toBeNull()
      const file = join(line.folder, 'proof.json')
      writeFileSync(file, JSON.stringify(proof))
      const verify = `proof verify ${file} --chain ${victim.rpcUrl}`
      expect(await line.spb(verify)).toMatchObject({ verdict: 'valid', isLive: true })
      writeFileSync(file, JSON.stringify({ ...proof, digest: proof.root }))
      const forged = await line.run(verify)
      expect([forged.code, forged.stdout.includes('Not valid')]).toEqual([3, true])

      await receipt(devnet, ctp.number, 2_000)
      await waitForState(victim, ctp.ctpId, 'settled')
      expect(await running.pop()!.stop()).toBe(0)
      expect(await stop()).toBe(0)
      expect(pids.filter(isAlive)).toEqual([])
      expect(existsSync(devnet.dataFolder)).toBe(false)
    },
    testMs,
  )
})
