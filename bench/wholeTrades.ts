import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { waitForTransactionReceipt } from 'viem/actions'
import { type CliqueNetwork, createCliqueNetwork } from '../src/adapters/chain/cliqueNetwork.ts'
import { deployMarket } from '../src/adapters/chain/deployMarket.ts'
import { encodeAction } from '../src/adapters/chain/encodeAction.ts'
import { findGethBinary } from '../src/adapters/chain/gethBinary.ts'
import { openMarket } from '../src/adapters/chain/openMarket.ts'
import type { MarketFacts } from '../src/ports/chain.ts'
import type { MarketAction } from '../src/ports/marketAction.ts'
import { bytesToHex, zeroBytes32 } from '../src/protocol/bytes.ts'
import { addressOf } from '../src/protocol/signature.ts'
import { SpbError } from '../src/protocol/spbError.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'
import { startCommittee } from './committeeProcesses.ts'
import type { Figures } from './report.ts'
import { committeeKeyOf, keyOf } from './world.ts'

const members = 4
const householdsPerMember = 25
const tradesPerHousehold = 40
const households = members * householdsPerMember
const chainId = 31_341
const ether = 10n ** 18n
const deployerKey = keyOf('deployer')
const producerKey = keyOf('producer')
const memberKeys = Array.from({ length: members }, (_, member) => committeeKeyOf(member))

/** Sends actions of one account one after another, and waits until all are in blocks. */
async function act(
  url: string,
  facts: MarketFacts,
  key: Uint8Array,
  actions: readonly MarketAction[],
): Promise<void> {
  const account = privateKeyToAccount(bytesToHex(key))
  const client = createWalletClient({ transport: http(url), account, pollingInterval: 200 })
  let last = zeroBytes32
  for (const action of actions) {
    const { data, value } = encodeAction(action)
    const gas = 500_000n
    last = await client.sendTransaction({ chain: null, to: facts.address, data, value, gas })
  }
  const { status } = await waitForTransactionReceipt(client, { hash: last, timeout: 60_000 })
  if (status !== 'success') throw new Error('A transaction of the preparation failed.')
}

/** A market where all households have money and the producer has an offer. */
async function makeMarket(network: CliqueNetwork): Promise<MarketFacts> {
  const urls = network.clients.map(({ url }) => url)
  const url = urls[0]!
  const facts = await deployMarket({
    ...{ url, deployerKey: bytesToHex(deployerKey), salt: zeroBytes32 },
    members: memberKeys.map(addressOf),
    manufacturers: [addressOf(keyOf('manufacturer'))],
    options: { minimumAmountWei: wei(1n) },
  })
  const untilSeconds = seconds(Math.floor(Date.now() / 1000) + 86_400)
  const terms = { energyWh: wh(4_000_000_000), priceWeiPerKwh: 1_000n, untilSeconds }
  await act(url, facts, producerKey, [
    { kind: 'openEnergyAccount', burnedWei: facts.options.burnWei },
    { kind: 'addEnergy', ...terms, isNegotiable: false, negotiationKey: '0x' },
  ])
  const consumers = Array.from({ length: households }, (_, household) =>
    addressOf(keyOf(`consumer ${household}`)),
  )
  const deposit = (account: (typeof consumers)[number]): MarketAction => {
    return { kind: 'depositFor', account, amountWei: wei(1_000_000n) }
  }
  await act(url, facts, deployerKey, consumers.map(deposit))
  for (const each of urls) await openWhenThere(each, facts)
  return facts
}

/** A client may come after the others. */
async function openWhenThere(url: string, { address }: MarketFacts): Promise<void> {
  const endMs = Date.now() + 60_000
  for (;;) {
    try {
      await openMarket({ url, address })
      return
    } catch (error) {
      if (Date.now() > endMs) throw error
    }
    await new Promise((resolve) => setTimeout(resolve, 300))
  }
}

async function trade(network: CliqueNetwork, facts: MarketFacts): Promise<Figures> {
  const processes = await startCommittee(members, (member) => {
    return { kind: 'ethereum', url: network.clients[member]!.url, facts }
  })
  try {
    await processes.askAll((member) => {
      const first = member * householdsPerMember
      const plan = { first, households: householdsPerMember, perHousehold: tradesPerHousehold }
      return { kind: 'prepareTrades', facts, plan }
    })
    const startMs = performance.now()
    const answers = await processes.askAll(() => ({ kind: 'trade' }))
    const tookMs = performance.now() - startMs
    const failures = answers.flatMap((answer) => answer.failures ?? [])
    if (failures.length > 0) throw new Error(`${failures.length} refused: ${failures[0]}`)
    const latenciesMs = answers.flatMap((answer) => answer.latenciesMs ?? []).sort((a, b) => a - b)
    return {
      tradesPerSecond: (latenciesMs.length * 1000) / tookMs,
      tradeP50Seconds: latenciesMs[Math.floor(latenciesMs.length / 2)]! / 1000,
    }
  } finally {
    await processes.end()
  }
}

/**
 * Whole trades from CTP to payment in a confirmed block, of four members in processes of their
 * own, each beside its own geth; without figures where there is no geth.
 */
export async function measureTrades(progress: (message: string) => void): Promise<Figures> {
  try {
    findGethBinary()
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    progress(`whole trades are left out: ${error.message}`)
    return {}
  }
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  const funded = [deployerKey, producerKey, ...memberKeys]
  const funds = Object.fromEntries(funded.map((key) => [addressOf(key), 1_000n * ether]))
  const network = await createCliqueNetwork({
    ...{ folder, chainId, signerKeys: memberKeys, periodSeconds: 1, funds },
  })
  try {
    progress('starting four geths')
    await network.start()
    await network.waitUntilAgreed()
    const facts = await makeMarket(network)
    progress('trading')
    return await trade(network, facts)
  } finally {
    await network.stop()
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 })
  }
}
