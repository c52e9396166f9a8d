import { privateKeyToAccount } from 'viem/accounts'
import { deployContract, getBlock, waitForTransactionReceipt } from 'viem/actions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  makeErc,
  makeTradeProof,
  type ProofChanges,
  quorum,
  witness,
} from '../../test/support/proofFixture.ts'
import { setAutomine } from '../adapters/chain/anvilControl.ts'
import { type AnvilWorld, openAnvilWorld } from '../adapters/chain/anvilWorld.ts'
import { createEthereumChain } from '../adapters/chain/ethereumChain.ts'
import { connectRpc, type RpcConnection } from '../adapters/chain/rpcConnection.ts'
import { complianceOptions, governanceOf, makeCall, parties, partyOf } from '../ports/chainWorld.ts'
import { bytesToHex, type Hex } from '../protocol/bytes.ts'
import type { BatchItem } from '../protocol/settlementBatch.ts'
import type { TradeProof } from '../protocol/tradeProof.ts'
import type { CheckName } from '../protocol/tradeProofChecks.ts'
import { maxUint40, seconds, wei, wh } from '../protocol/units.ts'
import { createMarketClient } from './marketClient.ts'
import { deposit } from './marketContract.ts'
import type { ChainReader } from './marketReader.ts'
import { settleByProof } from './proofSettlement.ts'
import { type TradeProofReport, verifyTradeProof } from './verifyTradeProof.ts'

const { alice, bob } = parties
let world: AnvilWorld
let rpc: RpcConnection
let chain: ChainReader
let nextNonce = 0

beforeAll(async () => {
  world = await openAnvilWorld()
  await setAutomine(world.anvil, true)
  rpc = connectRpc({ url: world.anvil.url })
  chain = { client: rpc.client, endpoint: world.anvil.url }
  await deposit(clientOf(), wei(10n ** 9n))
})
afterAll(async () => {
  rpc?.close()
  await world.close()
})

const clientOf = (party = alice) =>
  createMarketClient({
    ...{ url: world.anvil.url, market: world.facts, pollingIntervalMs: 20 },
    privateKey: bytesToHex(party.privateKey),
  })

/** A proof of a fresh CTP; by default one that was receipted in full. */
async function freshProof(changes: ProofChanges = {}): Promise<TradeProof> {
  const { timestamp } = await getBlock(rpc.client)
  const expirySeconds = seconds(Number(timestamp) + 1_000)
  const ctp = { expirySeconds, nonce: nextNonce++, ...changes.ctp }
  return makeTradeProof(world.facts, { ...changes, ctp }).proof
}

const itemOf = ({ ctp, consumerSignature, receipt }: TradeProof): BatchItem => ({
  ...{ ctp, consumerSignature },
  deliveredWh: receipt?.erc.deliveredWh ?? wh(0),
})

/** Settles proofs in one batch, as a node does; the proofs that name it. */
async function settleBatch(proofs: readonly TradeProof[], sender = world.chain) {
  const call = makeCall(world, proofs.map(itemOf))
  const transactionHash = await sender.sendSettlement(call)
  const { blockNumber } = await waitForTransactionReceipt(rpc.client, { hash: transactionHash })
  const settlement = { transactionHash, blockNumber: Number(blockNumber) }
  return proofs.map((proof) => ({ ...proof, settlement }))
}

/** The checks that did not pass, each with its verdict or code. */
const findingsOf = ({ checks }: TradeProofReport): Partial<Record<CheckName, string>> =>
  Object.fromEntries(
    checks
      .filter(({ verdict }) => verdict !== 'passed')
      .map(({ check, verdict, code }) => [check, code ?? verdict]),
  )

const detailOf = ({ checks }: TradeProofReport, name: CheckName): string | undefined =>
  checks.find(({ check }) => check === name)?.detail

const verify = (proof: TradeProof) =>
  verifyTradeProof(proof, { chain, market: world.facts.address })

const unpaid = { nonce: 'unchecked', settlement: 'unchecked', payment: 'unchecked' }

describe('a proof without a chain', () => {
  it('has valid signatures, and says what it could not check', async () => {
    const report = await verifyTradeProof(await freshProof())
    expect(report.verdict).toBe('signatures-valid')
    const chainChecks = { market: 'unchecked', committee: 'unchecked' }
    const standings = { manufacturer: 'unchecked', witness: 'unchecked' }
    expect(findingsOf(report)).toEqual({ ...chainChecks, ...standings, ...unpaid })
  })

  it('fails where it is of another market than was named', async () => {
    const report = await verifyTradeProof(await freshProof(), { market: partyOf(70).address })
    expect(report.verdict).toBe('failed')
    expect(findingsOf(report).market).toBe('ctp/wrong-market')
  })
})

describe('a proof against a chain', () => {
  it('shows what a batch paid, to the wei, with the market’s fee', async () => {
    const proofs = [await freshProof(), await freshProof({ ctp: { amountWei: wei(777n) } })]
    const [first, second] = await settleBatch(proofs)
    for (const proof of [first!, second!]) {
      const report = await verify(proof)
      expect(findingsOf(report)).toEqual({})
      expect(report.verdict).toBe('paid')
    }
    expect(detailOf(await verify(second!), 'payment')).toBe(
      '777 wei were paid for 1000 Wh, of which 10 are the market’s fee',
    )
  })

  it('shows what was paid by proof', async () => {
    const proof = await freshProof()
    const { transactionHash, blockNumber } = await settleByProof(clientOf(bob), proof)
    const report = await verify({ ...proof, settlement: { transactionHash, blockNumber } })
    expect(findingsOf(report)).toEqual({})
    expect(detailOf(report, 'payment')).toBe('999999 wei were paid for 1000 Wh')
  })

  it('is valid before it is paid', async () => {
    const report = await verify(await freshProof())
    expect(report.verdict).toBe('valid')
    expect(findingsOf(report)).toEqual(unpaid)
  })

  it('leaves the market open where nobody named it: anyone can deploy one', async () => {
    const report = await verifyTradeProof(await freshProof(), { chain })
    expect(findingsOf(report)).toEqual({ market: 'unchecked', ...unpaid })
  })

  it('does not see into a contract that called the market', async () => {
    const runtime = `36600060003760006000366000600073${world.facts.address.slice(2)}5af100`
    const deployment = await deployContract(rpc.client, {
      abi: [],
      bytecode: `0x6027600c60003960276000f3${runtime}`,
      account: privateKeyToAccount(bytesToHex(bob.privateKey)),
      chain: null,
    })
    const { contractAddress } = await waitForTransactionReceipt(rpc.client, { hash: deployment })
    const market = { ...world.facts, address: contractAddress!.toLowerCase() as Hex }
    const senderKey = bytesToHex(parties.carol.privateKey)
    const wrapped = createEthereumChain({ url: world.anvil.url, market, senderKey })
    const [proof] = await settleBatch([await freshProof()], wrapped as typeof world.chain)
    wrapped.close()
    const report = await verify(proof!)
    expect(report.verdict).toBe('valid')
    expect(findingsOf(report)).toEqual({ settlement: 'unchecked', payment: 'unchecked' })
    expect(detailOf(report, 'nonce')).toMatch(/is used$/)
  })

  it('fails where the receipt earns other than what was paid', async () => {
    const partial = await freshProof()
    const lower = makeErc(partial.market, partial.receipt!.erc.ctpId, 999)
    const [settled] = await settleBatch([partial])
    const report = await verify({ ...settled!, receipt: lower })
    expect(report.verdict).toBe('failed')
    expect(findingsOf(report)).toEqual({ payment: 'proof/wrong-settlement' })
    const { receipt: _, ...unreceipted } = settled!
    expect(findingsOf(await verify(unreceipted))).toEqual({
      receipt: 'unchecked',
      payment: 'unchecked',
    })
  })

  it('fails where the transaction is not there, failed, moved, or of another CTP', async () => {
    const [settled] = await settleBatch([await freshProof()])
    const { settlement } = settled!
    const other = await freshProof()
    const attempt = async (proof: TradeProof) => findingsOf(await verify(proof)).settlement
    const wrong = 'proof/wrong-settlement'
    expect(await attempt({ ...settled!, settlement: { ...settlement, blockNumber: 1 } })).toBe(
      wrong,
    )
    const transactionHash = `0x${'ab'.repeat(32)}` as const
    expect(await attempt({ ...settled!, settlement: { ...settlement, transactionHash } })).toBe(
      wrong,
    )
    const report = await verify({ ...other, settlement })
    expect(findingsOf(report)).toEqual({
      ...{ nonce: wrong, settlement: wrong, payment: 'unchecked' },
    })
    expect(report.verdict).toBe('failed')
  })

  it('fails where an item of the batch was skipped', async () => {
    const poor = await freshProof({ consumer: partyOf(33), ctp: { nonce: 0 } })
    const [skipped] = await settleBatch([poor, await freshProof()])
    expect(findingsOf(await verify(skipped!))).toMatchObject({
      settlement: 'proof/wrong-settlement',
    })
  })

  it('fails where the voters are not members, too few, or of no epoch', async () => {
    const strangers = quorum.map(({ member }) => ({ member, party: partyOf(60 + member) }))
    const committeeOf = async (changes: ProofChanges) =>
      findingsOf(await verify(await freshProof(changes))).committee
    expect(await committeeOf({ voters: strangers })).toBe('signature/invalid')
    expect(await committeeOf({ voters: quorum.slice(1) })).toBe('certificate/too-few-votes')
    expect(await committeeOf({ epoch: 9 })).toBe('certificate/wrong-epoch')
    const beyond = [...quorum.slice(1), { member: 4, party: partyOf(15) }]
    expect(await committeeOf({ voters: beyond })).toBe('certificate/vote-order')
  })

  it('fails where nobody trusted the manufacturer', async () => {
    const report = await verify(await freshProof({ manufacturer: partyOf(70) }))
    expect(findingsOf(report)).toEqual({ manufacturer: 'meter/witness-untrusted', ...unpaid })
  })

  it('fails where the witness was revoked before the expiry, and not after it', async () => {
    const near = await freshProof()
    const { expirySeconds } = near.ctp
    const farOff = await freshProof({ ctp: { expirySeconds: seconds(maxUint40) } })
    const endsSeconds = seconds(expirySeconds + complianceOptions.longestLifeSeconds)
    const call = world.encodeRevokeMeter(witness.address, endsSeconds)
    await world.act(alice, governanceOf(world, 0n, call))
    expect(findingsOf(await verify(near))).toEqual(unpaid)
    expect(findingsOf(await verify(farOff))).toEqual({ witness: 'meter/revoked', ...unpaid })
  })

  it('fails on another chain, and where there is no market', async () => {
    const onOther = makeTradeProof({ ...world.facts, chainId: 1 }).proof
    const report = await verifyTradeProof(onOther, { chain })
    expect(findingsOf(report)).toMatchObject({
      ...{ market: 'chain/wrong-chain-id', committee: 'unchecked', payment: 'unchecked' },
    })
    const nowhere = makeTradeProof({ ...world.facts, address: partyOf(70).address }).proof
    expect(findingsOf(await verifyTradeProof(nowhere, { chain })).market).toBe('chain/no-contract')
  })

  it('is no verdict where the chain does not answer', async () => {
    const deaf = connectRpc({ url: 'http://127.0.0.1:1' })
    const unreachable = { client: deaf.client, endpoint: 'http://127.0.0.1:1' }
    await expect(
      verifyTradeProof(await freshProof(), { chain: unreachable }),
    ).rejects.toMatchObject({ code: 'chain/unreachable' })
  })

  it('judges nothing that hangs on a CTP that is none', async () => {
    const proof = { ...(await freshProof()), consumerSignature: `0x${'ff'.repeat(64)}` as const }
    const report = await verify(proof)
    expect(report.verdict).toBe('failed')
    expect(findingsOf(report)).toMatchObject({ consumer: 'signature/invalid', ...unpaid })
  })
})
