import { existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { SpbError } from '../../protocol/spbError.ts'
import type { Seconds } from '../../protocol/units.ts'
import { findAnvilBinary } from './anvilBinary.ts'
import { waitForAnvil } from './anvilProcess.ts'
import {
  type AnvilRecord,
  isOurAnvil,
  readRecord,
  removeRecord,
  writeRecord,
} from './anvilRecord.ts'
import { isAnvilOf, requestAnvil } from './anvilRpc.ts'
import { keepBackups, recoverState } from './anvilState.ts'
import { type ClientEnd, type ClientProcess, spawnClient } from './clientProcess.ts'
import { findFreePort, requireFreePort } from './freePort.ts'
import { endOwnProcess, isAlive } from './ownProcess.ts'

/** How the embedded chain runs. */
export type AnvilOptions = {
  chainId: number
  /** On 127.0.0.1; a free one where left out. A left-over anvil keeps the port that it has. */
  port?: number
  /** A block every so many seconds, also an empty one. Else a block for each transaction. */
  blockTimeSeconds?: number
  /** Blocks only when asked for: see `anvilControl.ts`. */
  isManual?: boolean
  /** File in which the chain is kept; its folder also holds a log and a process id. */
  statePath?: string
  /** Time of the first block; now where left out. Has no effect on a chain that is kept. */
  timestampSeconds?: Seconds
  /** Well-known, funded accounts; none by default, see `setBalance`. */
  accounts?: number
  /** Gas of a block; 60 million by default. */
  blockGas?: number
  /** How many blocks back states can be read and reorganised; 32 by default. */
  keptStates?: number
  /** How often the chain is written to `statePath` besides at the end; 30 s by default. */
  stateIntervalSeconds?: number
  /** Which web origin may call it from a page; none by default. */
  allowedOrigin?: string
}

/** A running embedded chain. */
export type AnvilHandle = {
  url: string
  port: number
  chainId: number
  pid: number
  /** It ran already: an earlier program of ours left it behind. */
  isAdopted: boolean
  /** Resolves when it has ended, for whatever reason; never rejects. */
  ended: Promise<ClientEnd>
  /** Ends it, with its state written; does not end what cannot be proved to be ours. */
  stop(): Promise<void>
}

const pollMs = 100
const portAttempts = 5

const stateIntervalOf = ({ stateIntervalSeconds = 30 }: AnvilOptions) => stateIntervalSeconds

function wordsOf(options: AnvilOptions, port: number): string[] {
  const words: (string | number)[] = ['--quiet', '--host', '127.0.0.1', '--port', port]
  words.push('--chain-id', options.chainId, '--accounts', options.accounts ?? 0)
  words.push('--gas-limit', options.blockGas ?? 60_000_000)
  // Later rules keep the hash of each block in a contract, which makes every kept state larger.
  words.push('--hardfork', 'cancun', '--prune-history', options.keptStates ?? 32)
  if (options.allowedOrigin === undefined) words.push('--no-cors')
  else words.push('--allow-origin', options.allowedOrigin)
  if (options.isManual) words.push('--no-mining')
  else if (options.blockTimeSeconds !== undefined) {
    words.push('--block-time', options.blockTimeSeconds)
  }
  const { statePath, timestampSeconds } = options
  if (statePath !== undefined) {
    words.push('--state', statePath, '--preserve-historical-states')
    words.push('--state-interval', stateIntervalOf(options))
  }
  if (timestampSeconds !== undefined && !(statePath && existsSync(statePath))) {
    words.push('--timestamp', timestampSeconds)
  }
  return words.map(String)
}

/** Ends an anvil that an earlier program of ours left, if it is provably that. */
const endLeftOver = (pid: number, statePath: string) => endOwnProcess(pid, /anvil/, statePath)

function adopt({ pid, port, chainId }: AnvilRecord, statePath: string): AnvilHandle {
  let isExpected = false
  const ended = new Promise<ClientEnd>((resolve) => {
    const timer = setInterval(() => {
      if (isAlive(pid)) return
      clearInterval(timer)
      resolve({ exitCode: null, signal: null, isExpected, output: '' })
    }, pollMs)
    timer.unref()
  })
  const stop = async () => {
    isExpected = true
    await endLeftOver(pid, statePath)
    if (!isAlive(pid)) removeRecord(statePath)
  }
  return { ...addressOf(port), chainId, pid, isAdopted: true, ended, stop: once(stop) }
}

const addressOf = (port: number) => ({ url: `http://127.0.0.1:${port}`, port })

function once(work: () => Promise<void>): () => Promise<void> {
  let done: Promise<void> | undefined
  return () => {
    done ??= work()
    return done
  }
}

/** The anvil that still runs on this state, or undefined; ends one that runs but is deaf. */
async function findLeftOver(statePath: string, chainId: number): Promise<AnvilHandle | undefined> {
  const record = readRecord(statePath)
  if (record !== undefined && isOurAnvil(record.pid, statePath)) {
    if (record.chainId !== chainId) {
      throw new SpbError('chain/wrong-chain-id', 'Another chain runs on this state file.', {
        meta: { found: record.chainId, expected: chainId },
      })
    }
    if (await isAnvilOf(record.port, chainId)) return adopt(record, statePath)
    await endLeftOver(record.pid, statePath)
  }
  removeRecord(statePath)
  return undefined
}

/**
 * Lets a chain that goes on keep its own time where it needs to: anvil starts again at the time
 * of day, which may be before the last block's, or far after that of a chain that is driven.
 */
async function resumeTime(port: number, isManual: boolean): Promise<void> {
  const block = await requestAnvil(port, 'eth_getBlockByNumber', ['latest', false])
  const lastSeconds = Number((block as { timestamp: string }).timestamp)
  const isAhead = lastSeconds > Date.now() / 1000
  if (isManual || isAhead) await requestAnvil(port, 'evm_setTime', [lastSeconds])
}

async function launch(options: AnvilOptions, port: number): Promise<AnvilHandle> {
  const { statePath, chainId } = options
  const isResumed = statePath !== undefined && existsSync(statePath)
  const logPath = statePath && join(dirname(statePath), 'anvil.log')
  const anvil: ClientProcess = spawnClient(findAnvilBinary(), wordsOf(options, port), logPath)
  const { pid, ended } = anvil
  // Written before it is ready: whoever kills us now must not leave it behind unknown.
  if (statePath !== undefined && pid !== 0) writeRecord(statePath, { pid, port, chainId })
  const clean = () => {
    if (statePath !== undefined) removeRecord(statePath)
  }
  ended.then(clean)
  await waitForAnvil(anvil, port, chainId)
  if (isResumed) await resumeTime(port, options.isManual === true)
  if (statePath !== undefined) keepBackups(statePath, stateIntervalOf(options), ended)
  return { ...addressOf(port), chainId, pid, isAdopted: false, ended, stop: once(anvil.stop) }
}

/**
 * Starts the embedded chain on 127.0.0.1, or takes over the one that still runs on `statePath`.
 *
 * Resolves when it answers. Throws `chain/no-binary`, `node/port-in-use`, `chain/died`,
 * `chain/wrong-chain-id`, `store/corrupt`.
 */
export async function startAnvil(given: AnvilOptions): Promise<AnvilHandle> {
  const options = given.statePath ? { ...given, statePath: resolve(given.statePath) } : given
  const { statePath, port, chainId } = options
  if (statePath !== undefined) {
    mkdirSync(dirname(statePath), { recursive: true })
    const leftOver = await findLeftOver(statePath, chainId)
    if (leftOver !== undefined) {
      keepBackups(statePath, stateIntervalOf(options), leftOver.ended)
      return leftOver
    }
    await recoverState(statePath)
  }
  if (port !== undefined) {
    await requireFreePort(port)
    return await launch(options, port)
  }
  for (let attempt = 1; ; attempt++) {
    try {
      return await launch(options, await findFreePort())
    } catch (error) {
      // Somebody was quicker to take the port that was free.
      const isTaken = error instanceof SpbError && error.code === 'node/port-in-use'
      if (!isTaken || attempt === portAttempts) throw error
    }
  }
}
