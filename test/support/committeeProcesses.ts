import { type ChildProcess, spawn } from 'node:child_process'
import {
  cpSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { type AnvilHandle, startAnvil } from '../../src/adapters/chain/anvil.ts'
import { mineAt, setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { deployMarket } from '../../src/adapters/chain/deployMarket.ts'
import { createEthereumChain, type EthereumChain } from '../../src/adapters/chain/ethereumChain.ts'
import { findFreePort } from '../../src/adapters/chain/freePort.ts'
import { type DataFolder, dataFolderAt, makeFolder } from '../../src/cli/dataFolder.ts'
import { openNodeKey } from '../../src/cli/nodeKeys.ts'
import { nodeLogPath } from '../../src/cli/up/nodeLog.ts'
import type { MarketFacts } from '../../src/ports/chain.ts'
import { bytesToHex } from '../../src/protocol/bytes.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import { addressOf } from '../../src/protocol/signature.ts'
import { seconds } from '../../src/protocol/units.ts'
import type { NodeStatus } from '../../src/protocol/views.ts'
import { createNodeClient, type NodeClient } from '../../src/sdk/nodeClient.ts'
import {
  type CommitteeProcessesProxy,
  openCommitteeProcessesProxy,
} from './committeeProcessesProxy.ts'
import { manufacturer } from './tradeFixture.ts'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))
const clock = new URL('./committeeProcessesClock.ts', import.meta.url).href
const memberCount = 4
/** Much more than anything takes on a machine that has little else to do. */
const boundMs = 60_000

/** Terms of the market: short, so that a member's wait can be seen to end. */
export const committeeTerms = {
  longestLifeSeconds: seconds(300),
  graceSeconds: seconds(60),
  withdrawalDelaySeconds: seconds(600),
}

/** How a member is started, other than always. */
export type MemberStart = {
  /** It never ran. */
  isNew?: boolean
  /** So many KiB its largest file may grow, and no further: to it the disk is full then. */
  roomKib?: number
  /** What clock and chain may differ by, as typed. */
  clockTolerance?: string
}

/** One member: its folder, and `spb up` as a process of its own where it runs. */
export type MemberProcess = {
  at: number
  folder: DataFolder
  /** For requests that are sent once, and may take as long as a member lets somebody wait. */
  client: NodeClient
  chain: CommitteeProcessesProxy
  /** What it said last, if it runs or after it ended. */
  said(): string
  /** Resolves with the exit code. */
  ended(): Promise<number | null>
  kill(): Promise<void>
  /** SIGSTOP and SIGCONT. */
  freeze(): void
  thaw(): void
  /** Puts its clock forward, or back again. */
  advanceClock(byMs: number): void
  log(): { level: number; msg: string; code?: string }[]
}

type Running = {
  child: ChildProcess
  ended: Promise<number | null>
  said: () => string
  /** Its end is what the test wants. */
  isToEnd: boolean
}
type Ports = { api: number; network: number }

/** The size that no file of a node may exceed, in units of 512 bytes. */
function limitOf({ node }: DataFolder, roomKib: number): number {
  const sizes = readdirSync(node).map((name) => statSync(join(node, name)).size)
  return Math.ceil(Math.max(...sizes) / 512) + 2 * roomKib
}

/** Waits until something is true; fails with what was seen last. */
export async function until<Seen>(
  what: string,
  look: () => Promise<Seen> | Seen,
  isSo: (seen: Seen) => boolean,
): Promise<Seen> {
  const endMs = Date.now() + boundMs
  for (;;) {
    const seen = await look()
    if (isSo(seen)) return seen
    const write = (_: string, value: unknown) => (typeof value === 'bigint' ? `${value}` : value)
    if (Date.now() > endMs) {
      throw new Error(`Waited in vain until ${what}: ${JSON.stringify(seen, write)}`)
    }
    await delay(50)
  }
}

/**
 * A committee of four as four processes of `spb up`, on sqlite and on libp2p over loopback, beside
 * one anvil with a block a second. Each has its own way to anvil, and a clock that can be set.
 */
export class CommitteeProcesses {
  readonly anvil: AnvilHandle
  readonly facts: MarketFacts
  readonly reader: EthereumChain
  readonly members: MemberProcess[]
  readonly #folder: string
  readonly #ports: Ports[]
  readonly #running = new Map<number, Running>()

  private constructor(
    folder: string,
    parts: { anvil: AnvilHandle; facts: MarketFacts },
    ports: Ports[],
    proxies: CommitteeProcessesProxy[],
  ) {
    this.#folder = folder
    this.#ports = ports
    this.anvil = parts.anvil
    this.facts = parts.facts
    const senderKey = bytesToHex(keccak256(new TextEncoder().encode('reader')))
    this.reader = createEthereumChain({ url: this.anvil.url, market: this.facts, senderKey })
    this.members = proxies.map((chain, at) => this.#describe(at, chain))
  }

  /** Starts anvil, deploys the market and starts its members; resolves when all of them vote. */
  static async open(name: string): Promise<CommitteeProcesses> {
    const folder = mkdtempSync(join(tmpdir(), `spb-${name}-`))
    const anvil = await startAnvil({ chainId: 31_337, blockTimeSeconds: 1 })
    try {
      const keys = Array.from({ length: memberCount }, (_, at) => {
        const data = dataFolderAt(join(folder, `member${at}`))
        makeFolder(data.node)
        return openNodeKey(data, 'member')
      })
      const members = keys.map((key) => addressOf(key))
      for (const address of members) await setBalance(anvil, address, 10n ** 22n)
      const facts = await deployMarket({
        ...{ url: anvil.url, deployerKey: bytesToHex(keys[0]!), members },
        manufacturers: [manufacturer.address],
        options: committeeTerms,
        salt: bytesToHex(keccak256(new TextEncoder().encode(folder))),
      })
      const open = () => openCommitteeProcessesProxy(anvil.port)
      const proxies = await Promise.all(members.map(open))
      const ports: Ports[] = []
      for (const _ of members) {
        ports.push({ api: await findFreePort(), network: await findFreePort() })
      }
      const committee = new CommitteeProcesses(folder, { anvil, facts }, ports, proxies)
      await Promise.all(committee.members.map(({ at }) => committee.start(at, { isNew: true })))
      await committee.allVote()
      return committee
    } catch (error) {
      await anvil.stop()
      rmSync(folder, { recursive: true, force: true })
      throw error
    }
  }

  /** Time of the newest block. */
  async now(): Promise<number> {
    return (await this.reader.head()).timeSeconds
  }

  /** Lets the chain's time pass; resolves when all members know. */
  async passTime(spanSeconds: number): Promise<void> {
    const then = (await this.now()) + spanSeconds
    await mineAt(this.anvil, seconds(then))
    const look = () => Promise.all(this.members.map(({ client }) => client.status()))
    await until('all members know the time', look, (all) =>
      all.every(({ confirmed }) => (confirmed?.timeSeconds ?? 0) >= then),
    )
  }

  /** Starts a member; resolves when it answers. */
  async start(at: number, how: MemberStart = {}): Promise<void> {
    const { folder, chain } = this.members[at]!
    const { api, network } = this.#ports[at]!
    const words = [main, 'up', '--data', folder.path, '--json', '--port', String(api)]
    words.push('--chain', chain.url, '--market', this.facts.address, '--confirmations', '0')
    words.push('--clock-tolerance', how.clockTolerance ?? '4h')
    words.push('--listen', `/ip4/127.0.0.1/tcp/${network}`)
    for (const [other, ports] of this.#ports.entries()) {
      if (other !== at) words.push('--peer', `/ip4/127.0.0.1/tcp/${ports.network}`)
    }
    if (how.isNew === true) words.push('--first-start')
    const command = [process.execPath, '--import', clock, ...words]
    const limit = how.roomKib === undefined ? '' : `ulimit -f ${limitOf(folder, how.roomKib)}; `
    const child = spawn('sh', ['-c', `${limit}exec "$@"`, 'sh', ...command], {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: {
        ...process.env,
        SPB_TEST_CLOCK: this.#clockPath(at),
        NODE_COMPILE_CACHE: join(this.#folder, 'compiled'),
        NO_COLOR: '1',
      },
    })
    let said = ''
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding('utf8').on('data', (text: string) => {
        said = (said + text).slice(-10_000)
      })
    }
    const ended = new Promise<number | null>((resolve) => child.once('close', resolve))
    const isToEnd = how.roomKib !== undefined
    this.#running.set(at, { child, ended, said: () => said, isToEnd })
    await new Promise<void>((resolve, reject) => {
      child.stdout.once('data', () => resolve())
      ended.then((code) => reject(new Error(`Member ${at} ended with ${code}: ${said}`)))
    })
  }

  /**
   * What is wrong with members ends: all of them run and vote when this resolves. Rejects where
   * one ended that nobody ended.
   */
  async heal(): Promise<void> {
    const unasked: string[] = []
    const dead = this.members.filter((member) => {
      member.chain.set('answers')
      member.thaw()
      const { child, isToEnd } = this.#running.get(member.at)!
      const isDead = child.exitCode !== null || child.signalCode !== null
      if (isDead && !isToEnd) unasked.push(`member ${member.at}: ${member.said()}`)
      return isDead
    })
    await Promise.all(dead.map(({ at }) => this.start(at)))
    await this.allVote()
    if (unasked.length > 0) throw new Error(`Ended by themselves: ${unasked.join('; ')}`)
  }

  /** Resolves when all members, or these, vote and see each other. */
  async allVote(which = this.members): Promise<void> {
    const isUp = ({ isVoting, peers = [] }: NodeStatus) => {
      const seen = peers.filter(({ member }) => member !== undefined)
      return isVoting && seen.length >= which.length - 1
    }
    const look = () => Promise.all(which.map(({ client }) => client.status().catch(String)))
    await until('all members vote', look, (found) =>
      found.every((status) => typeof status !== 'string' && isUp(status)),
    )
  }

  /** Copies a member's database, which must not be in use, and returns how to put it back. */
  copyDatabase(at: number): () => void {
    const { node } = this.members[at]!.folder
    const copy = join(this.#folder, `copy${at}`)
    cpSync(node, copy, { recursive: true })
    return () => {
      rmSync(node, { recursive: true })
      cpSync(copy, node, { recursive: true })
    }
  }

  /** Loses a member's database; its keys are kept, as an operator keeps them elsewhere. */
  wipeDatabase(at: number): void {
    const { node } = this.members[at]!.folder
    for (const ending of ['', '-wal', '-shm']) {
      rmSync(join(node, `ledger.db${ending}`), { force: true })
    }
  }

  /** Ends every process, and removes the folder. */
  async close(): Promise<void> {
    await Promise.all(this.members.map((member) => member.kill()))
    for (const { chain } of this.members) chain.close()
    this.reader.close()
    await this.anvil.stop()
    rmSync(this.#folder, { recursive: true, force: true })
  }

  #clockPath(at: number): string {
    return join(this.#folder, `clock${at}`)
  }

  #describe(at: number, chain: CommitteeProcessesProxy): MemberProcess {
    const folder = dataFolderAt(join(this.#folder, `member${at}`))
    let aheadMs = 0
    const running = () => this.#running.get(at)
    const signal = (name: NodeJS.Signals) => void running()?.child.kill(name)
    const url = `http://127.0.0.1:${this.#ports[at]!.api}`
    return {
      ...{ at, folder, chain },
      client: createNodeClient({ url, timeoutMs: 20_000, retryDelaysMs: [] }),
      said: () => running()?.said() ?? '',
      ended: async () => (await running()?.ended) ?? null,
      kill: async () => {
        const found = running()
        if (found === undefined) return
        found.isToEnd = true
        signal('SIGKILL')
        await found.ended
      },
      freeze: () => signal('SIGSTOP'),
      thaw: () => signal('SIGCONT'),
      advanceClock: (byMs) => {
        aheadMs += byMs
        writeFileSync(this.#clockPath(at), String(aheadMs))
      },
      log: () => {
        const lines = readFileSync(nodeLogPath(folder), 'utf8').split('\n')
        // The last line of a log that could not be written may be torn.
        return lines.flatMap((line) => (line.endsWith('}') ? [JSON.parse(line)] : []))
      },
    }
  }
}
