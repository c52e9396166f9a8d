import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createWalletClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type CliqueNetwork, createCliqueNetwork } from '../../src/adapters/chain/cliqueNetwork.ts'
import { deployMarket } from '../../src/adapters/chain/deployMarket.ts'
import { encodeAction } from '../../src/adapters/chain/encodeAction.ts'
import { createEthereumChain, type EthereumChain } from '../../src/adapters/chain/ethereumChain.ts'
import type { BlockRef, MarketFacts } from '../../src/ports/chain.ts'
import { headerCases } from '../../src/ports/chainHeader.compliance.ts'
import {
  accountNow,
  complianceOptions,
  makeCall,
  makeItem,
  members,
  parties,
} from '../../src/ports/chainWorld.ts'
import { bytesToHex, zeroBytes32 } from '../../src/protocol/bytes.ts'
import { maxUint40, wei } from '../../src/protocol/units.ts'
import { boundMs, until } from '../support/commandLine.ts'
import { gethForTests } from '../support/gethForTests.ts'

const { alice, bob } = parties
const chainId = 4_243
const ether = 10n ** 18n
/** Signers that make blocks at the same time replace the last ones, hardly more than these. */
const reorgDepth = 3

describe.skipIf(gethForTests === undefined)('a Clique network (needs geth)', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spb-geth-'))
  let network: CliqueNetwork
  let facts: MarketFacts
  let chains: EthereumChain[]

  const heads = (some: readonly EthereumChain[]) => Promise.all(some.map((chain) => chain.head()))
  const lowest = (found: readonly BlockRef[]) => Math.min(...found.map(({ number }) => number))

  /** Waits until all have a block in common that none had before. */
  async function waitForCommonBlock(some: readonly EthereumChain[]): Promise<BlockRef> {
    const after = Math.max(...(await heads(some)).map(({ number }) => number))
    const look = async () => {
      const number = lowest(await heads(some))
      const blocks = await Promise.all(some.map((chain) => chain.blockAt(number)))
      return { number, blocks }
    }
    const found = await until(look, ({ number, blocks }) => {
      const [first] = blocks
      return number > after && blocks.every((block) => block?.hash === first?.hash)
    })
    return found.blocks[0]!
  }

  beforeAll(async () => {
    const signers = members
    network = await createCliqueNetwork({
      ...{ folder, chainId, periodSeconds: 1, binary: gethForTests! },
      signerKeys: signers.map(({ privateKey }) => privateKey),
      funds: { [parties.alice.address]: 100n * ether, [parties.sender.address]: ether },
    })
    await network.start()
    const [{ url }] = network.clients as [CliqueNetwork['clients'][number]]
    facts = await deployMarket({
      ...{ url, options: complianceOptions, salt: zeroBytes32 },
      deployerKey: bytesToHex(parties.alice.privateKey),
      members: members.map(({ address }) => address),
      authorities: [parties.authority.address],
      manufacturers: [parties.manufacturer.address],
    })
    const senderKey = bytesToHex(parties.sender.privateKey)
    chains = network.clients.map(({ url }) =>
      createEthereumChain({ url, market: facts, senderKey }),
    )
  }, boundMs)

  afterAll(async () => {
    for (const chain of chains ?? []) chain.close()
    await network?.stop()
    rmSync(folder, { recursive: true, force: true })
  })

  for (const { name, run } of headerCases) {
    it(
      name,
      async () => {
        const chain = chains[0]!
        const nextBlock = async () => {
          const { number } = await chain.head()
          const next = await until(
            () => chain.head(),
            (head) => head.number > number,
          )
          return Math.max(0, next.number - reorgDepth)
        }
        await run({ chain, nextBlock, takesRoots: true })
      },
      boundMs,
    )
  }

  it(
    'tells who made each block, and each names its own root',
    async () => {
      const roots = chains.map((_, at) => bytesToHex(new Uint8Array(32).fill(16 + at)))
      for (const [at, chain] of chains.entries()) {
        expect(await chain.announceRoot(roots[at]!)).toBe(true)
      }
      const { number } = await chains[0]!.head()
      const seen = new Map<string, string>()
      await until(
        async () => {
          const head = await chains[0]!.head()
          for (const { proposer, extra } of await chains[0]!.headers(number, head.number)) {
            seen.set(proposer!, extra)
          }
          return [...seen]
        },
        (found) => new Set(found.map(([, extra]) => extra)).size === chains.length,
      )
      expect([...seen.keys()].sort()).toEqual(members.map(({ address }) => address).sort())
    },
    boundMs,
  )

  it(
    'holds a market, whose first events and committee every client tells',
    async () => {
      await waitForCommonBlock(chains)
      const { deploymentBlock: at } = facts
      for (const chain of chains) {
        const found = await until(
          () => chain.events(at, at).catch(() => []),
          (events) => events.length > 0,
        )
        expect(found).toMatchObject([
          { kind: 'EpochOpened', epoch: 1, members: members.map(({ address }) => address) },
          { kind: 'AuthoritySet', isTrusted: true },
          { kind: 'ManufacturerSet', endsSeconds: maxUint40 },
        ])
        expect(await chain.currentEpoch()).toBe(1)
      }
    },
    boundMs,
  )

  it(
    'settles a trade, and every client tells it',
    async () => {
      const { url } = network.clients[0]!
      const { data, value } = encodeAction({ kind: 'deposit', amountWei: wei(1_000_000n) })
      const account = privateKeyToAccount(bytesToHex(alice.privateKey))
      const client = createWalletClient({ transport: http(url), account })
      await client.sendTransaction({ chain: null, to: facts.address, data, value })
      const world = { chain: chains[0]!, facts }
      await until(
        () => accountNow(world, alice),
        ({ balanceWei }) => balanceWei > 0n,
      )
      const hash = await chains[0]!.sendSettlement(makeCall(world, [await makeItem(world)]))
      const outcome = await until(
        () => chains[0]!.outcomeOf(hash),
        ({ status }) => status === 'included',
      )
      expect(outcome).toMatchObject({ isSuccess: true })
      for (const chain of chains) {
        const found = await until(
          async () => {
            const { number } = await chain.head()
            const events = await chain.events(facts.deploymentBlock, number)
            return events.filter(({ kind }) => kind === 'Settled')
          },
          (events) => events.length > 0,
        )
        expect(found).toMatchObject([{ transactionHash: hash, settledBitmap: 1n }])
      }
      expect((await accountNow(world, bob)).balanceWei).toBe(990n)
    },
    boundMs,
  )

  it(
    'goes on without a client that is killed, which catches up when it is back',
    async () => {
      const [killed, ...others] = [chains[3]!, ...chains.slice(0, 3)] as [EthereumChain]
      const client = network.clients[3]!
      await client.kill()
      expect(client.isRunning()).toBe(false)
      await expect(killed.head()).rejects.toMatchObject({ code: 'chain/unreachable' })
      await waitForCommonBlock(others)
      await client.start()
      await waitForCommonBlock(chains)
    },
    boundMs,
  )

  it(
    'goes on where it was after all were killed at once',
    async () => {
      const common = await waitForCommonBlock(chains)
      const { number, hash } = (await chains[0]!.blockAt(common.number - reorgDepth))!
      await Promise.all(network.clients.map((client) => client.kill()))
      await network.start()
      const block = await waitForCommonBlock(chains)
      expect(block.number).toBeGreaterThan(common.number - reorgDepth)
      expect(await chains[0]!.blockAt(number)).toMatchObject({ hash })
    },
    boundMs,
  )
})
