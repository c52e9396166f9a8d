import { createClient, encodeFunctionData, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { getTransaction, sendTransaction, waitForTransactionReceipt } from 'viem/actions'
import { marketAbi } from '../src/abi/market.ts'
import { startAnvil } from '../src/adapters/chain/anvil.ts'
import { setBalance } from '../src/adapters/chain/anvilControl.ts'
import { deployMarket } from '../src/adapters/chain/deployMarket.ts'
import { type Address, bytesToHex, type Hex, zeroBytes32 } from '../src/protocol/bytes.ts'
import { packSignatures } from '../src/protocol/committee.ts'
import { identifyCtp } from '../src/protocol/ctpSubmission.ts'
import type { Market } from '../src/protocol/digest.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import { packSettleWithProof } from '../src/protocol/proofSettlement.ts'
import { type BatchItem, itemsHashOf, packBatch } from '../src/protocol/settlementBatch.ts'
import { addressOf, signMessage } from '../src/protocol/signature.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'
import type { Bench, Figures } from './report.ts'
import { keyOf, memberKey } from './world.ts'

const trades = 100
const nowSeconds = 1_800_000_000
const senderKey = keyOf('sender')

/** Trade `index` of a batch: which household buys from which, at which nonce of the buyer. */
type Pairing = (index: number) => { buyer: number; seller: number; nonce: number }

/** 200 accounts, each in one trade. */
const distinct: Pairing = (index) => ({ buyer: index, seller: 100 + index, nonce: 0 })
/** 15 accounts: ten buy, five sell; a seller's trades follow each other, as the node sorts them. */
const few: Pairing = (index) => ({
  ...{ buyer: 200 + (index % 10), seller: 210 + Math.floor(index / 20) },
  nonce: Math.floor(index / 10),
})

function signItems(market: Market, pairing: Pairing, round: number): BatchItem[] {
  return Array.from({ length: trades }, (_, index) => {
    const { buyer, seller, nonce } = pairing(index)
    const perRound = pairing === few ? 10 : 1
    const ctp = {
      producer: addressOf(keyOf(`household ${seller}`)),
      offerId: BigInt(1 + seller),
      amountWei: wei(120_000_000_000_000n + BigInt(index)),
      energyWh: wh(1_000 + index),
      nonce: round * perRound + nonce,
      expirySeconds: seconds(nowSeconds + 3_600 + index),
      meterKey: addressOf(keyOf(`meter ${round} ${index}`)),
    }
    const consumerSignature = signMessage(market, 'Ctp', ctp, keyOf(`household ${buyer}`))
    return { ctp, deliveredWh: ctp.energyWh, consumerSignature }
  })
}

/** Settles 100 trades in one real transaction; what it cost a trade. */
async function measureBatch(
  url: string,
  market: Market,
  pairing: Pairing,
  round: number,
): Promise<{ gas: number; calldataBytes: number }> {
  const items = packBatch(signItems(market, pairing, round))
  const member = addressOf(memberKey)
  const order = {
    epoch: 1,
    sequence: BigInt(round),
    itemsHash: itemsHashOf(items),
    beneficiary: member,
  }
  const signature = signMessage(market, 'Settlement', order, memberKey)
  const votes = packSignatures([{ member: 0, signature }])
  const data = encodeFunctionData({
    abi: marketAbi,
    functionName: 'settle',
    args: [1, BigInt(round), member, zeroBytes32, items, votes],
  })
  const { client, send } = connect(url)
  const hash = await send(market.address, data, 0n)
  const { gasUsed, logs } = await waitForTransactionReceipt(client, { hash, pollingInterval: 50 })
  // The bitmap is the third word of the one event's data.
  const bitmap = BigInt(`0x${logs[0]!.data.slice(2 + 64 * 2, 2 + 64 * 3)}`)
  if (bitmap !== (1n << BigInt(trades)) - 1n) throw new Error('Not every trade was settled.')
  const { input } = await getTransaction(client, { hash })
  return { gas: Number(gasUsed) / trades, calldataBytes: (input.length - 2) / 2 / trades }
}

/** The market whose trades are settled by proof: three of four members certify. */
const proofMembers = ['first', 'second', 'third', 'fourth'].map((name) => keyOf(`member ${name}`))

/** Settles one trade by its proof, three votes of one item each; what the transaction cost. */
async function measureProof(url: string, market: Market, nonce: number): Promise<number> {
  const meterKey = keyOf(`meter of proof ${nonce}`)
  const ctp = {
    producer: addressOf(keyOf('household 1')),
    offerId: 1n,
    amountWei: wei(120_000_000_000_000n),
    energyWh: wh(1_000),
    nonce,
    expirySeconds: seconds(nowSeconds + 3_600),
    meterKey: addressOf(meterKey),
  }
  const consumerSignature = signMessage(market, 'Ctp', ctp, keyOf('household 0'))
  const { ctpId } = identifyCtp(market, { ctp, consumerSignature })
  const tree = buildMerkleTree([ctpId])
  const vote = { epoch: 1, ctpsRoot: tree.root }
  const votes = proofMembers.slice(0, 3).map((key, member) => ({
    ...{ member, path: tree.pathOf(0) },
    signature: signMessage(market, 'HoldVote', vote, key),
  }))
  const committee = { epoch: 1, members: proofMembers.map(addressOf) }
  const erc = { ctpId, deliveredWh: ctp.energyWh, measuredAtSeconds: seconds(nowSeconds + 3_000) }
  const call = packSettleWithProof(
    committee,
    { ctp, consumerSignature, epoch: 1, votes },
    { erc, signature: signMessage(market, 'Erc', erc, meterKey) },
  )
  const data = encodeFunctionData({
    abi: marketAbi,
    functionName: 'settleWithProof',
    args: [call.epoch, call.item, call.votes, call.measuredAtSeconds, call.ercSignature],
  })
  const { client, send } = connect(url)
  const hash = await send(market.address, data, 0n)
  const { gasUsed, status } = await waitForTransactionReceipt(client, {
    hash,
    pollingInterval: 50,
  })
  if (status !== 'success') throw new Error('The trade was not settled.')
  return Number(gasUsed)
}

function connect(url: string) {
  const account = privateKeyToAccount(bytesToHex(senderKey))
  const client = createClient({ account, transport: http(url) })
  const send = (to: Address, data: Hex, value: bigint) =>
    sendTransaction(client, { account, chain: null, to, data, value, gas: 15_000_000n })
  return { client, send }
}

async function deploy(url: string, members: readonly Address[], salt: string): Promise<Market> {
  const { chainId, address } = await deployMarket({
    ...{ url, members, salt: bytesToHex(keyOf(salt)) },
    deployerKey: bytesToHex(senderKey),
  })
  return { chainId, address }
}

/** Gives every household a balance, so that a settlement finds no slot empty. */
async function fundHouseholds(url: string, market: Market, count: number): Promise<void> {
  const { send } = connect(url)
  for (let household = 0; household < count; household++) {
    const account = addressOf(keyOf(`household ${household}`))
    const call = { abi: marketAbi, functionName: 'depositFor', args: [account] } as const
    await send(market.address, encodeFunctionData(call), 10n ** 18n)
  }
}

/** Gas and call data of settlements, on a real EVM, warm-up of the batch included. */
export const gasBench: Bench = {
  about:
    'one settle transaction of 100 trades on anvil: all gas of the transaction (base, call data, ' +
    'cold storage) divided by the trades; accounts funded and used once before. settleWithProof: ' +
    'all gas of a transaction that settles one trade by its proof, three votes of one item each',
  goals: {
    settleDistinctGas: { most: 17_500 },
    settleFewGas: { most: 7_500 },
    settleCalldataBytes: { most: 150 },
    settleWithProofGas: { most: 70_000 },
  },
  async run(progress): Promise<Figures> {
    const anvil = await startAnvil({ chainId: 31_337, timestampSeconds: seconds(nowSeconds) })
    try {
      progress('deploying a market')
      await setBalance(anvil, addressOf(senderKey), 10n ** 24n)
      const market = await deploy(anvil.url, [addressOf(memberKey)], 'salt')
      progress('funding 215 households')
      await fundHouseholds(anvil.url, market, 215)
      progress('settling')
      // The first round uses each account once, as an account in use would be found.
      await measureBatch(anvil.url, market, distinct, 0)
      const distinctCost = await measureBatch(anvil.url, market, distinct, 1)
      await measureBatch(anvil.url, market, few, 0)
      const fewCost = await measureBatch(anvil.url, market, few, 1)
      progress('settling by proof')
      const ofFour = await deploy(anvil.url, proofMembers.map(addressOf), 'salt of four')
      await fundHouseholds(anvil.url, ofFour, 2)
      await measureProof(anvil.url, ofFour, 0)
      const proofGas = await measureProof(anvil.url, ofFour, 1)
      return {
        settleDistinctGas: distinctCost.gas,
        settleFewGas: fewCost.gas,
        settleCalldataBytes: distinctCost.calldataBytes,
        settleWithProofGas: proofGas,
      }
    } finally {
      await anvil.stop()
    }
  },
}
