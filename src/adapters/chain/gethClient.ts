import { execFile } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { promisify } from 'node:util'
import type { Address } from '../../protocol/bytes.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { encodeKeystore } from '../keys/keystoreFile.ts'
import { requestAnvil as requestRpc } from './anvilRpc.ts'
import { type ClientEnd, type ClientProcess, spawnClient } from './clientProcess.ts'
import { cliqueBlockGas } from './cliqueGenesis.ts'
import { endOwnProcess } from './ownProcess.ts'

/** One geth of a network of signers, on 127.0.0.1. */
export type GethOptions = {
  binary: string
  /** Of its own: keys, blocks, log. */
  folder: string
  chainId: number
  genesis: object
  /** Seals its blocks; 32 bytes. */
  signerKey: Uint8Array
  /** Names it among its peers; 32 bytes. */
  peerKey: Uint8Array
  httpPort: number
  peerPort: number
  /** Peers that it keeps connections to. */
  enodes: readonly string[]
}

/** A geth that can be started and ended again and again. */
export type GethClient = {
  url: string
  /** Who seals its blocks. */
  signer: Address
  logPath: string
  /** Resolves when it answers. Throws `chain/died`, `node/port-in-use`. */
  start(): Promise<void>
  /** Ends it, with its blocks written. */
  stop(): Promise<void>
  /** Ends it as a crash would. */
  kill(): Promise<void>
  isRunning(): boolean
  /** Is told each end that was not asked for. */
  onDeath(listener: (end: ClientEnd) => void): void
}

const run = promisify(execFile)
const longestStartMs = 60_000
const pollMs = 50
/** The key lies beside it, so the password protects nothing; geth wants one. */
const password = 'devnet'
const keystoreN = 4_096

const pathsOf = (folder: string) => ({
  genesis: join(folder, 'genesis.json'),
  password: join(folder, 'password.txt'),
  config: join(folder, 'config.toml'),
  keystore: join(folder, 'keystore'),
  chain: join(folder, 'geth', 'chaindata'),
  nodeKey: join(folder, 'geth', 'nodekey'),
  log: join(folder, 'geth.log'),
  pid: join(folder, 'geth.pid'),
})

/** Writes keys and configuration, and makes the first block where it is not there. */
async function prepare(options: GethOptions): Promise<void> {
  const { binary, folder, signerKey, peerKey } = options
  const paths = pathsOf(folder)
  mkdirSync(paths.keystore, { recursive: true, mode: 0o700 })
  mkdirSync(join(folder, 'geth'), { recursive: true, mode: 0o700 })
  const secret = { mode: 0o600 }
  const keystore = join(paths.keystore, `${addressOf(signerKey).slice(2)}.json`)
  if (!existsSync(keystore)) {
    writeFileSync(keystore, encodeKeystore(signerKey, password, { n: keystoreN }), secret)
  }
  writeFileSync(paths.password, password, secret)
  writeFileSync(paths.nodeKey, bytesToHex(peerKey).slice(2), secret)
  const peers = options.enodes.map((enode) => JSON.stringify(enode)).join(', ')
  writeFileSync(paths.config, `[Node.P2P]\nStaticNodes = [${peers}]\n`)
  if (existsSync(paths.chain)) return
  writeFileSync(paths.genesis, JSON.stringify(options.genesis))
  try {
    await run(binary, ['--datadir', folder, 'init', paths.genesis])
  } catch (cause) {
    rmSync(paths.chain, { recursive: true, force: true })
    throw new SpbError('chain/died', 'geth did not make its first block.', { cause })
  }
}

function wordsOf({ folder, chainId, signerKey, httpPort, peerPort }: GethOptions): string[] {
  const paths = pathsOf(folder)
  const signer = addressOf(signerKey)
  const words: (string | number)[] = ['--datadir', folder, '--config', paths.config]
  words.push('--networkid', chainId, '--port', peerPort, '--nodiscover', '--nat', 'none')
  words.push('--http', '--http.addr', '127.0.0.1', '--http.port', httpPort)
  words.push('--http.api', 'eth,net,web3,clique,miner', '--ipcdisable', '--authrpc.port', 0)
  words.push('--mine', '--miner.etherbase', signer, '--miner.gaslimit', cliqueBlockGas)
  words.push('--unlock', signer, '--password', paths.password, '--allow-insecure-unlock')
  // A client that keeps only recent states forgets hours of blocks when it is killed.
  words.push('--syncmode', 'full', '--gcmode', 'archive', '--snapshot=false', '--cache', 64)
  return words.map(String)
}

async function isAnswering({ httpPort, chainId }: GethOptions): Promise<boolean> {
  try {
    return Number(await requestRpc(httpPort, 'eth_chainId')) === chainId
  } catch {
    return false
  }
}

async function waitUntilAnswering(options: GethOptions, geth: ClientProcess): Promise<void> {
  let end: ClientEnd | undefined
  geth.ended.then((found) => {
    end = found
  })
  const deadline = Date.now() + longestStartMs
  while (end === undefined && Date.now() < deadline) {
    if (await isAnswering(options)) return
    await delay(pollMs)
  }
  if (end === undefined) await geth.stop()
  const output = end?.output ?? 'It did not answer in time.'
  if (/address already in use/i.test(output)) {
    throw new SpbError('node/port-in-use', 'A port of geth is in use.')
  }
  const lastLines = output.trim().split('\n').slice(-3).join('\n')
  throw new SpbError('chain/died', `geth did not start: ${lastLines}`)
}

/** A geth left over by an earlier program of ours would hold ports and database. */
async function endLeftOver({ folder }: GethOptions): Promise<void> {
  const { pid: path } = pathsOf(folder)
  if (!existsSync(path)) return
  const pid = Number(readFileSync(path, 'utf8'))
  if (Number.isSafeInteger(pid) && pid > 0) await endOwnProcess(pid, /geth/, folder)
  rmSync(path, { force: true })
}

/** Makes a geth that seals blocks of its network; nothing runs before `start`. */
export function createGethClient(options: GethOptions): GethClient {
  const listeners: ((end: ClientEnd) => void)[] = []
  const paths = pathsOf(options.folder)
  let geth: ClientProcess | undefined

  async function start(): Promise<void> {
    if (geth !== undefined) return
    await endLeftOver(options)
    await prepare(options)
    const started = spawnClient(options.binary, wordsOf(options), paths.log)
    geth = started
    if (started.pid !== 0) writeFileSync(paths.pid, String(started.pid))
    started.ended.then((end) => {
      if (geth === started) geth = undefined
      rmSync(paths.pid, { force: true })
      if (!end.isExpected) for (const listener of listeners) listener(end)
    })
    await waitUntilAnswering(options, started)
  }

  return {
    url: `http://127.0.0.1:${options.httpPort}`,
    signer: addressOf(options.signerKey),
    logPath: paths.log,
    start,
    stop: async () => geth?.stop(),
    kill: async () => geth?.kill(),
    isRunning: () => geth !== undefined,
    onDeath: (listener) => void listeners.push(listener),
  }
}
