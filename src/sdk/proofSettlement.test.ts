import { getTransactionCount, sendTransaction } from 'viem/actions'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  makeErc,
  makeTradeProof,
  type ProofChanges,
  quorum,
} from '../../test/support/proofFixture.ts'
import { mine, setAutomine } from '../adapters/chain/anvilControl.ts'
import { type AnvilWorld, openAnvilWorld } from '../adapters/chain/anvilWorld.ts'
import { encodeAction } from '../adapters/chain/encodeAction.ts'
import { complianceOptions, members, type Party, parties, partyOf } from '../ports/chainWorld.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { packSettleWithProof } from '../protocol/proofSettlement.ts'
import { seconds, wei } from '../protocol/units.ts'
import { createMarketClient, type MarketClient } from './marketClient.ts'
import { deposit } from './marketContract.ts'
import { declineByProof, settleByProof } from './proofSettlement.ts'

const { alice, bob, carol } = parties
let world: AnvilWorld
let nextNonce = 0

beforeAll(async () => {
  world = await openAnvilWorld()
  await setAutomine(world.anvil, true)
  await deposit(clientOf(alice), wei(10n ** 9n))
})
afterAll(() => world.close())

function clientOf(party: Party, market = world.facts): MarketClient {
  const privateKey = bytesToHex(party.privateKey)
  return createMarketClient({ url: world.anvil.url, market, privateKey, pollingIntervalMs: 20 })
}

/** A proof of a fresh CTP that expires so many seconds after the last block. */
async function freshProof(lifeSeconds: number, changes: ProofChanges = {}) {
  const { timeSeconds } = await world.chain.head()
  const expirySeconds = seconds(timeSeconds + lifeSeconds)
  const ctp = { expirySeconds, nonce: nextNonce++, ...changes.ctp }
  return makeTradeProof(world.facts, { ...changes, ctp })
}

async function balanceOf({ address }: Party): Promise<bigint> {
  const [state] = await world.chain.accounts([address], (await world.chain.head()).number)
  return state!.balanceWei
}

const { graceSeconds } = complianceOptions
const pass = (bySeconds: number) => mine(world.anvil, 1, bySeconds)
const refused = (code: string) => ({ code })

describe('P3: a trade is paid by its proof, without any node', () => {
  it('settles a full delivery at once, whoever sends it', async () => {
    const before = await balanceOf(bob)
    const { proof } = await freshProof(1_000)
    const { paymentWei, deliveredWh, gasUsed } = await settleByProof(clientOf(carol), proof)
    expect({ paymentWei, deliveredWh }).toEqual({ paymentWei: 999_999n, deliveredWh: 1_000 })
    expect(gasUsed).toBeGreaterThan(21_000n)
    expect((await balanceOf(bob)) - before).toBe(999_999n)
    await expect(settleByProof(clientOf(bob), proof)).rejects.toMatchObject(
      refused('proof/nonce-used'),
    )
  })

  it('pays what was committed, not what came beyond it', async () => {
    const { proof } = await freshProof(1_000, { deliveredWh: 5_000 })
    const { paymentWei, deliveredWh } = await settleByProof(clientOf(bob), proof)
    expect({ paymentWei, deliveredWh }).toEqual({ paymentWei: 999_999n, deliveredWh: 1_000 })
  })

  it('settles a part for its producer alone, from expiry on', async () => {
    const { proof } = await freshProof(500, { deliveredWh: 333 })
    const { expirySeconds } = proof.ctp
    await expect(settleByProof(clientOf(carol), proof)).rejects.toMatchObject({
      ...refused('proof/not-producer'),
      meta: { producer: bob.address },
    })
    await expect(settleByProof(clientOf(bob), proof)).rejects.toMatchObject({
      ...refused('proof/too-early'),
      isRetryable: true,
      meta: { fromSeconds: expirySeconds },
    })
    await pass(500)
    const { paymentWei } = await settleByProof(clientOf(bob), proof)
    expect(paymentWei).toBe(332_999n)
  })

  it('takes a certificate with more votes than a quorum', async () => {
    const voters = [0, 1, 2, 3].map((member) => ({ member, party: partyOf(11 + member) }))
    const { proof } = await freshProof(1_000, { voters })
    await settleByProof(clientOf(bob), proof)
  })

  it('ends with the grace', async () => {
    const { proof } = await freshProof(10)
    const part = await freshProof(10, { deliveredWh: 1 })
    await pass(10 + graceSeconds + 1)
    const late = refused('proof/too-late')
    await expect(settleByProof(clientOf(bob), proof)).rejects.toMatchObject(late)
    await expect(settleByProof(clientOf(bob), part.proof)).rejects.toMatchObject(late)
    await expect(declineByProof(clientOf(bob), proof)).rejects.toMatchObject(late)
  })

  it('spends no gas on what the contract would refuse', async () => {
    const before = await balanceOf(bob)
    const { proof, ctpId } = await freshProof(1_000)
    const { receipt: _, ...unreceipted } = proof
    const strangers = quorum.map(({ member }) => ({ member, party: partyOf(60 + member) }))
    const { certificate } = (await freshProof(1_000, { voters: strangers })).proof
    const attempt = (changed: typeof proof) => settleByProof(clientOf(bob), changed)
    await expect(attempt(unreceipted)).rejects.toMatchObject(refused('proof/no-receipt'))
    await expect(
      attempt({ ...proof, receipt: makeErc(proof.market, ctpId, 7, partyOf(98)) }),
    ).rejects.toMatchObject({
      ...refused('proof/invalid'),
      meta: { check: 'receipt', reason: 'erc/wrong-key' },
    })
    await expect(attempt({ ...proof, certificate })).rejects.toMatchObject({
      ...refused('proof/invalid'),
      meta: { check: 'committee', reason: 'signature/invalid' },
    })
    const few = { ...proof, certificate: { epoch: 1, votes: proof.certificate.votes.slice(1) } }
    await expect(attempt(few)).rejects.toMatchObject({
      meta: { check: 'committee', reason: 'certificate/too-few-votes' },
    })
    const past = { ...proof, certificate: { ...proof.certificate, epoch: 9 } }
    await expect(attempt(past)).rejects.toMatchObject({
      meta: { check: 'committee', reason: 'certificate/vote-order' },
    })
    const other = { ...world.facts, address: partyOf(70).address }
    await expect(settleByProof(clientOf(bob, other), proof)).rejects.toMatchObject(
      refused('ctp/wrong-market'),
    )
    const lost = makeTradeProof(other)
    await expect(settleByProof(clientOf(bob, other), lost.proof)).rejects.toMatchObject(
      refused('chain/no-contract'),
    )
    expect(await balanceOf(bob)).toBe(before)
  })

  it('P5: pays once where another’s transaction comes into the same block first', async () => {
    const { proof } = await freshProof(1_000)
    const before = await balanceOf(bob)
    const { client } = clientOf(carol)
    const waiting = () => getTransactionCount(client, { address: bob.address, blockTag: 'pending' })
    const count = await waiting()
    await setAutomine(world.anvil, false)
    const late = settleByProof(clientOf(bob), proof).catch((error) => error)
    await expect.poll(waiting, { timeout: 10_000 }).toBe(count + 1)
    const committee = { epoch: 1, members: members.map(({ address }) => address) }
    const { ctp, consumerSignature, certificate, receipt } = proof
    const held = { ctp, consumerSignature, ...certificate }
    const data = encodeAction({
      ...({ kind: 'settleWithProof' } as const),
      ...packSettleWithProof(committee, held, receipt!),
    }).data
    // Nobody tries this one first, and it pays more: it is before the other in the block.
    await sendTransaction(client, {
      ...{ to: world.facts.address, data, gas: 200_000n, chain: null },
      ...{ maxPriorityFeePerGas: 10n ** 11n, maxFeePerGas: 2n * 10n ** 11n },
    })
    await mine(world.anvil)
    await setAutomine(world.anvil, true)
    expect(await late).toMatchObject(refused('proof/nonce-used'))
    expect((await balanceOf(bob)) - before).toBe(999_999n)
  })

  it('hands on what only the contract knows: a consumer without money', async () => {
    const { proof } = await freshProof(1_000, { consumer: partyOf(33), ctp: { nonce: 0 } })
    await expect(settleByProof(clientOf(bob), proof)).rejects.toMatchObject({
      meta: { contractError: 'BalanceTooSmall' },
    })
  })
})

describe('declining a CTP', () => {
  it('uses its nonce up without payment, for its producer alone', async () => {
    const before = await balanceOf(alice)
    const { proof } = await freshProof(1_000, { deliveredWh: undefined })
    await expect(declineByProof(clientOf(carol), proof)).rejects.toMatchObject(
      refused('proof/not-producer'),
    )
    const { blockNumber } = await declineByProof(clientOf(bob), proof)
    const [event] = await world.chain.events(blockNumber, blockNumber)
    expect(event).toMatchObject({ kind: 'Declined', nonce: proof.ctp.nonce })
    expect(await balanceOf(alice)).toBe(before)
    await expect(declineByProof(clientOf(bob), proof)).rejects.toMatchObject(
      refused('proof/nonce-used'),
    )
  })
})
