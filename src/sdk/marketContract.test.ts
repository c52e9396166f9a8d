import { getBlock, getTransactionCount } from 'viem/actions'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { mine, setAutomine, setBalance, setNextBaseFee } from '../adapters/chain/anvilControl.ts'
import { type AnvilWorld, openAnvilWorld } from '../adapters/chain/anvilWorld.ts'
import {
  complianceOptions,
  governanceOf,
  type Party,
  parties,
  partyOf,
} from '../ports/chainWorld.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { signMessage } from '../protocol/signature.ts'
import type { SpbError } from '../protocol/spbError.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import { createMarketClient, type MarketClient, type MarketClientOptions } from './marketClient.ts'
import {
  addEnergy,
  applyGovernance,
  cancelWithdrawal,
  deposit,
  depositFor,
  fixPayout,
  openEnergyAccount,
  openEnergyAccountWithCertificate,
  readEtherBalance,
  requestWithdrawal,
  withdraw,
  withdrawOffer,
} from './marketContract.ts'

const { alice, bob, carol, authority } = parties
let world: AnvilWorld
beforeAll(async () => {
  world = await openAnvilWorld()
  await setAutomine(world.anvil, true)
})
afterAll(() => world.close())

function clientOf(party: Party, change: Partial<MarketClientOptions> = {}): MarketClient {
  return createMarketClient({
    url: world.anvil.url,
    market: world.facts,
    privateKey: bytesToHex(party.privateKey),
    pollingIntervalMs: 20,
    ...change,
  })
}

async function stateOf({ address }: Party) {
  const { number } = await world.chain.head()
  const [state] = await world.chain.accounts([address], number)
  return state!
}

const refusalOf = (work: Promise<unknown>): Promise<SpbError> =>
  work.then(
    () => {
      throw new Error('It was not refused.')
    },
    (error) => error,
  )

const offer = {
  energyWh: wh(1_000),
  priceWeiPerKwh: 5n,
  isNegotiable: false,
  untilSeconds: seconds(1_800_000_000),
  negotiationKey: '0x',
} as const

test('deposits, and tells what it cost', async () => {
  const before = await readEtherBalance(clientOf(alice), alice.address)
  const receipt = await deposit(clientOf(alice), wei(5_000n))
  await depositFor(clientOf(alice), bob.address, wei(70n))
  expect((await stateOf(alice)).balanceWei).toBe(5_000n)
  expect((await stateOf(bob)).balanceWei).toBe(70n)
  const [event] = await world.chain.events(receipt.blockNumber, receipt.blockNumber)
  expect(event).toMatchObject({ kind: 'Deposited', transactionHash: receipt.transactionHash })
  expect(receipt.feeWei).toBeGreaterThan(0n)
  const after = await readEtherBalance(clientOf(alice), alice.address)
  expect(before - after).toBeGreaterThanOrEqual(5_070n + receipt.feeWei)
})

test('requests, cancels, and withdraws to the fixed payout after the delay', async () => {
  const client = clientOf(carol)
  await deposit(client, wei(900n))
  await requestWithdrawal(client, wei(300n))
  await cancelWithdrawal(client)
  expect((await stateOf(carol)).requestedWei).toBe(0n)
  await requestWithdrawal(client, wei(400n))
  await fixPayout(client, partyOf(42).address)
  const early = await refusalOf(withdraw(client))
  expect(early).toMatchObject({
    code: 'chain/reverted',
    meta: { contractError: 'WithdrawalNotReady' },
  })
  expect(early.message).toContain('readyAtSeconds')
  expect(early.hint).toContain('readyAtSeconds')
  await mine(world.anvil, 2, complianceOptions.withdrawalDelaySeconds)
  const { amountWei, to } = await withdraw(client)
  expect({ amountWei, to }).toEqual({ amountWei: 400n, to: partyOf(42).address })
  expect(await readEtherBalance(client, partyOf(42).address)).toBe(400n)
  expect((await stateOf(carol)).balanceWei).toBe(500n)
})

test('opens an energy account by burning, adds energy, withdraws the offer', async () => {
  const client = clientOf(bob)
  expect(await refusalOf(addEnergy(client, offer))).toMatchObject({
    code: 'chain/reverted',
    meta: { contractError: 'NoEnergyAccount' },
  })
  expect(await refusalOf(openEnergyAccount(client, wei(1n)))).toMatchObject({
    meta: { contractError: 'BurnTooSmall', sentWei: '1', burnWei: '1000' },
  })
  await openEnergyAccount(client, complianceOptions.burnWei)
  const first = await addEnergy(client, offer)
  const second = await addEnergy(client, offer)
  expect([first.offerId, second.offerId]).toEqual([1n, 2n])
  await withdrawOffer(client, 1n)
  expect((await refusalOf(withdrawOffer(client, 1n))).code).toBe('offer/closed')
  expect((await refusalOf(withdrawOffer(clientOf(alice), 2n))).code).toBe('offer/wrong-producer')
  expect((await stateOf(bob)).energyWh).toBe(1_000n)
})

test('opens an energy account with a certificate, for the account that it names only', async () => {
  const notAfterSeconds = seconds(1_900_000_000)
  const message = { account: alice.address, notAfterSeconds }
  const signature = signMessage(
    world.facts,
    'EnergyAccountCertificate',
    message,
    authority.privateKey,
  )
  const certificate = { authority: authority.address, notAfterSeconds, signature }
  const stolen = openEnergyAccountWithCertificate(clientOf(carol), certificate)
  expect((await refusalOf(stolen)).code).toBe('signature/invalid')
  await openEnergyAccountWithCertificate(clientOf(alice), certificate)
  expect((await addEnergy(clientOf(alice), offer)).offerId).toBe(3n)
})

test('applies what the committee decided, once', async () => {
  const call = world.encodeSetAuthority(partyOf(31).address, true)
  const action = governanceOf(world, 0n, call)
  if (action.kind !== 'governance') throw new Error('It is no governance.')
  const { blockNumber } = await applyGovernance(clientOf(carol), action, action.votes)
  const [event] = await world.chain.events(blockNumber, blockNumber)
  expect(event).toMatchObject({ kind: 'AuthoritySet', authority: partyOf(31).address })
  const again = applyGovernance(clientOf(carol), action, action.votes)
  expect(await refusalOf(again)).toMatchObject({
    code: 'chain/reverted',
    meta: { contractError: 'WrongGovernanceSequence', sequence: '0', expectedSequence: '1' },
  })
})

test('explains what is wrong with the input', async () => {
  const client = clientOf(alice)
  expect((await refusalOf(deposit(client, wei(0n)))).code).toBe('input/amount')
  expect((await refusalOf(fixPayout(client, world.facts.address))).code).toBe('input/address')
  const over = { ...offer, untilSeconds: seconds(1) }
  expect((await refusalOf(addEnergy(client, over))).code).toBe('input/duration')
  const nothing = { ...offer, energyWh: wh(0) }
  expect((await refusalOf(addEnergy(client, nothing))).code).toBe('input/energy')
  const longKey = { ...offer, negotiationKey: `0x${'ab'.repeat(66)}` as const }
  expect((await refusalOf(addEnergy(client, longKey))).code).toBe('input/hex')
})

test('sends no ether to a wrong chain or to an address without contract', async () => {
  const { address, chainId } = world.facts
  const wrongChain = clientOf(alice, { market: { chainId: 1, address } })
  expect((await refusalOf(deposit(wrongChain, wei(5n)))).code).toBe('chain/wrong-chain-id')
  const nowhere = clientOf(alice, { market: { chainId, address: partyOf(66).address } })
  expect((await refusalOf(deposit(nowhere, wei(5n)))).code).toBe('chain/no-contract')
  expect(await readEtherBalance(nowhere, partyOf(66).address)).toBe(0n)
})

test('says when ether is short, and when nobody answers', async () => {
  await setBalance(world.anvil, partyOf(50).address, 1_000n)
  const poor = clientOf(partyOf(50))
  expect((await refusalOf(deposit(poor, wei(500n)))).code).toBe('chain/insufficient-funds')
  const deaf = clientOf(alice, { url: 'http://user:secret@127.0.0.1:1/key' })
  const refusal = await refusalOf(deposit(deaf, wei(5n)))
  expect(refusal.code).toBe('chain/unreachable')
  expect(JSON.stringify([refusal, refusal.stack])).not.toMatch(/secret|key/)
})

test('P3: is paid more for while the base fee leaves it out of blocks', async () => {
  await setAutomine(world.anvil, false)
  const before = (await stateOf(bob)).balanceWei
  const client = clientOf(alice, { outbidAfterMs: 100 })
  const paid = depositFor(client, bob.address, wei(7n))
  const pending = { ...alice, blockTag: 'pending' as const }
  const sent = () => getTransactionCount(client.client, pending)
  const next = await getTransactionCount(client.client, alice)
  await expect.poll(sent, { timeout: 10_000 }).toBe(next + 1)
  const { baseFeePerGas } = await getBlock(client.client)
  await setNextBaseFee(world.anvil, 3n * baseFeePerGas!)
  await mine(world.anvil)
  const mined = async () => {
    await setNextBaseFee(world.anvil, 3n * baseFeePerGas!)
    await mine(world.anvil)
    return await getTransactionCount(client.client, alice)
  }
  await expect.poll(mined, { interval: 50, timeout: 10_000 }).toBe(next + 1)
  expect((await paid).blockNumber).toBeGreaterThan(0)
  expect((await stateOf(bob)).balanceWei - before).toBe(7n)
  await setAutomine(world.anvil, true)
})

test('gives up waiting for a block, and names the transaction', async () => {
  await setAutomine(world.anvil, false)
  const client = clientOf(alice, { receiptTimeoutMs: 100 })
  const refusal = await refusalOf(deposit(client, wei(5n)))
  expect(refusal.code).toBe('chain/not-included')
  expect(refusal.isRetryable).toBe(false)
  const hash = refusal.meta.transactionHash as `0x${string}`
  expect(await world.chain.outcomeOf(hash)).toEqual({ status: 'pending' })
  await mine(world.anvil)
  expect(await world.chain.outcomeOf(hash)).toMatchObject({ status: 'included' })
  await setAutomine(world.anvil, true)
})
