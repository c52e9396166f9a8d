import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { NodeClient } from '../../sdk/nodeClient.ts'
import { addressOfAccount, chooseAccountName, resolveAddress } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import { type CommandResult, writeResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { chainUrlOf, marketOfFolder } from '../nodeAccess.ts'
import { createClosingStack } from '../up/closingStack.ts'
import { listenForInterruption } from '../up/interruption.ts'
import { describeTrades } from './describeTrades.ts'
import { findNode, openNodeLine } from './nodeLine.ts'
import { ProducerBook } from './producerBook.ts'
import { createWatchOutput, describeSnapshot, type WatchSnapshot } from './watchOutput.ts'

type WatchOptions = { account?: string; once?: true }

/** How often time and chain are looked at. */
const tickMs = 1_000
/** A node that says nothing of CTPs is asked all the same, once in so many ticks. */
const ticksBetweenReads = 15
/** A node that is away for a shorter time is being started anew: no reason to pay for gas. */
const goneAfterMs = 10_000

function producerOf({ cli, options }: Call<WatchOptions>): Address {
  const folder = dataFolderOf(cli, options)
  const { account } = options
  if (account !== undefined) return resolveAddress(folder, account)
  return addressOfAccount(folder, chooseAccountName(cli, folder))
}

/** The Ethereum client of a call; undefined where none is known. */
function findChainUrl(call: Call<object>): string | undefined {
  try {
    return chainUrlOf(call, dataFolderOf(call.cli, call.options))
  } catch (error) {
    if (error instanceof SpbError && error.code === 'chain/unreachable') return undefined
    throw error
  }
}

const isAway = ({ code }: SpbError): boolean =>
  code.startsWith('node/') || code === 'chain/unreachable'

/** A client that served the market before, and lags or lost its state, gets over it. */
const isAstray = ({ code }: SpbError): boolean => code.startsWith('chain/')

/** Whether some work found whom it asked; other refusals than those to bear are thrown. */
async function isAnswered(
  work: () => Promise<void>,
  isBearable: (error: SpbError) => boolean,
): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    if (error instanceof SpbError && isBearable(error)) return false
    throw error
  }
}

/** A book, and how far node and chain answered when it was last brought up to date. */
type Watch = {
  /** Reads chain and, where wanted, node. */
  update(node: NodeClient | undefined, isNodeWanted: boolean): Promise<void>
  snapshot(): WatchSnapshot
  isNodeSilent(): boolean
  close(): void
}

function openWatch(call: Call<WatchOptions>, goneMs: number): Watch {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const producer = producerOf(call)
  const url = findChainUrl(call)
  const rpc = url === undefined ? undefined : connectRpc({ url })
  const book = new ProducerBook({
    ...{ folder, producer, market: marketOfFolder(folder), nowMs: cli.nowMs },
    chain: rpc && { client: rpc.client, endpoint: url! },
  })
  let isChainKnown = false
  let isNodeSilent = true
  let silentSinceMs = Number.NEGATIVE_INFINITY
  return {
    async update(node, isNodeWanted) {
      const isRead = await isAnswered(() => book.readChain(), isChainKnown ? isAstray : isAway)
      isChainKnown ||= isRead
      if (!isNodeWanted && node !== undefined) return
      const isHeard = node !== undefined && (await isAnswered(() => book.readNode(node), isAway))
      if (!isHeard && !isNodeSilent) silentSinceMs = cli.nowMs()
      isNodeSilent = !isHeard
      if (isNodeSilent && cli.nowMs() - silentSinceMs >= goneMs) book.forgetNode()
    },
    snapshot: () => ({
      ...{ producer, nowSeconds: book.nowSeconds, node: !isNodeSilent, chain: book.hasChain },
      trades: describeTrades(book),
    }),
    isNodeSilent: () => isNodeSilent,
    close: () => rpc?.close(),
  }
}

/** `spb producer watch --once`. Throws `account/*`, `ctp/wrong-market`. */
async function lookOnce(call: Call<WatchOptions>): Promise<CommandResult> {
  const watch = openWatch(call, 0)
  try {
    await watch.update(findNode(call), true)
    return describeSnapshot(dataFolderOf(call.cli, call.options), watch.snapshot())
  } finally {
    watch.close()
  }
}

/** A bell that one can wait for; a ring before the wait is not lost. */
function createBell() {
  let { promise, resolve } = Promise.withResolvers<void>()
  return {
    ring: () => resolve(),
    async wait(longestMs: number): Promise<void> {
      const timer = setTimeout(resolve, longestMs)
      await promise
      clearTimeout(timer)
      ;({ promise, resolve } = Promise.withResolvers<void>())
    },
  }
}

async function followUntilInterrupted(call: Call<WatchOptions>): Promise<void> {
  const { cli, options } = call
  const stack = createClosingStack()
  const interruption = listenForInterruption(cli.nowMs, () => process.exit(130))
  stack.push(interruption.dispose)
  const bell = createBell()
  let hasNews = true
  let isWanted = true
  interruption.wanted.then(() => {
    isWanted = false
    bell.ring()
  })
  try {
    const watch = openWatch(call, goneAfterMs)
    stack.push(watch.close)
    const output = createWatchOutput(cli, dataFolderOf(cli, options), options.json === true)
    const line = openNodeLine(call, producerOf(call), () => {
      hasNews = true
      bell.ring()
    })
    stack.push(line.close)
    for (let tick = 0; isWanted; tick++) {
      const isNodeWanted = hasNews || watch.isNodeSilent() || tick % ticksBetweenReads === 0
      hasNews = false
      await watch.update(line.find(), isNodeWanted)
      if (isWanted) output.tell(watch.snapshot())
      await bell.wait(tickMs)
    }
  } finally {
    await stack.close()
  }
}

/** `spb producer watch`. Throws `account/*`, `input/*`, `ctp/wrong-market`, `store/failed`. */
export async function watchProducer(call: Call<WatchOptions>): Promise<void> {
  const { cli, options } = call
  if (options.once !== true) return await followUntilInterrupted(call)
  writeResult(cli, await lookOnce(call), options.json === true)
}
