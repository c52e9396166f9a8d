import { emptyAccount } from '../src/ledger/ledgerState.ts'
import type { Chain, ChainEvent, MarketFacts } from '../src/ports/chain.ts'
import { type Address, bytesToHex, zeroBytes32 } from '../src/protocol/bytes.ts'
import type { CtpSubmission } from '../src/protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf, type Market } from '../src/protocol/digest.ts'
import { keccak256 } from '../src/protocol/keccak.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import { addressOf, signDigest, signMessage } from '../src/protocol/signature.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'

const text = new TextEncoder()

/** A private key that depends on a name alone. */
export const keyOf = (name: string): Uint8Array => keccak256(text.encode(`bench ${name}`))

export const memberKey = keyOf('member')
const manufacturerKey = keyOf('manufacturer')
const producer = addressOf(keyOf('producer'))
const startSeconds = seconds(1_800_000_000)
const farFuture = seconds(startSeconds + 10 * 365 * 86_400)

/** A market that exists in the benchmark only. */
export const benchFacts: MarketFacts = {
  chainId: 31_337,
  address: `0x${'be'.repeat(20)}`,
  deploymentBlock: 1,
  options: {
    longestLifeSeconds: seconds(93_600),
    graceSeconds: seconds(600),
    withdrawalDelaySeconds: seconds(172_800),
    minimumAmountWei: wei(1n),
    feeWei: wei(0n),
    burnWei: wei(0n),
  },
}
/** What the market’s signatures are bound to. */
export const benchMarket: Market = { chainId: benchFacts.chainId, address: benchFacts.address }

export const benchOptions = {
  pollMs: 0,
  isFirstStart: true,
}

/** The key of one member of a committee of several. */
export const committeeKeyOf = (member: number): Uint8Array => keyOf(`committee member ${member}`)

/**
 * Submissions of as many accounts, from that one on, each with a meter, eight keys and a CoE of
 * its own.
 */
export function makeSubmissions(count: number, first = 0): CtpSubmission[] {
  const witnesses = Array.from({ length: 100 }, (_, index) => {
    const key = keyOf(`witness ${index}`)
    const certificate = { meter: addressOf(key), model: zeroBytes32, notAfterSeconds: farFuture }
    const signature = signMessage(benchMarket, 'MeterCertificate', certificate, manufacturerKey)
    return { key, certificate, signature }
  })
  return Array.from({ length: count }, (_, place) => {
    const index = first + place
    const witness = witnesses[index % witnesses.length]!
    const meterKey = keyOf(`meter ${index}`)
    const others = Array.from({ length: 7 }, (_, leaf) =>
      bytesToHex(keyOf(`leaf ${index} ${leaf}`).subarray(12)),
    )
    const tree = buildMerkleTree([addressOf(meterKey), ...others])
    const coe = {
      root: tree.root,
      height: 3,
      notBeforeSeconds: seconds(startSeconds - 3_600),
      notAfterSeconds: farFuture,
    }
    const consumerKey = keyOf(`consumer ${index}`)
    const ctp = {
      producer,
      offerId: 1n,
      amountWei: wei(500n),
      energyWh: wh(500),
      nonce: 0,
      expirySeconds: seconds(startSeconds + 3_600),
      meterKey: addressOf(meterKey),
    }
    const digest = digestOf(benchMarket, 'Ctp', ctp)
    const ctpId = ctpIdOf(digest, addressOf(consumerKey))
    return {
      market: benchMarket,
      ctp,
      consumerSignature: signDigest(digest, consumerKey),
      meterReadySignature: signMessage(benchMarket, 'MeterReady', { ctpId }, meterKey),
      evidence: {
        kind: 0,
        path: tree.pathOf(0),
        coe,
        coeSignature: signMessage(benchMarket, 'CoE', coe, witness.key),
        witness: witness.certificate,
        witnessSignature: witness.signature,
      },
    }
  })
}

/** A chain of one block in which every consumer is rich and the producer has energy to sell. */
export function createRichChain(
  accounts: number,
  members: readonly Address[] = [addressOf(memberKey)],
): Chain & { timeSeconds: number } {
  const block = { number: 1, hash: zeroBytes32, timeSeconds: startSeconds }
  const placed = { blockNumber: 1, transactionHash: zeroBytes32 }
  const consumers = Array.from({ length: accounts }, (_, index) =>
    addressOf(keyOf(`consumer ${index}`)),
  )
  const events: ChainEvent[] = [
    { kind: 'EpochOpened', epoch: 1, members: [...members], ...placed },
    {
      kind: 'ManufacturerSet',
      ...{ manufacturer: addressOf(manufacturerKey), endsSeconds: farFuture, ...placed },
    },
    {
      kind: 'OfferAdded',
      ...{ offerId: 1n, producer, energyWh: wh(4_000_000_000), priceWeiPerKwh: 1_000n },
      ...{ isNegotiable: false, untilSeconds: farFuture, negotiationKey: '0x' as const },
      ...placed,
    },
    ...consumers.map((account): ChainEvent => {
      return { kind: 'Deposited', account, from: account, amountWei: wei(10_000n), ...placed }
    }),
  ]
  const rich = (account: Address) => ({ ...emptyAccount(account), balanceWei: wei(10_000n) })
  return {
    timeSeconds: startSeconds,
    head: async () => block,
    blockAt: async (number) => (number === 1 ? block : undefined),
    events: async (from) => (from <= 1 ? events : []),
    accounts: async (addresses) => addresses.map(rich),
    committee: async () => ({ members: [...members], endedAtSeconds: seconds(0) }),
    currentEpoch: async () => 1,
    headers: async () => [],
    announceRoot: async () => false,
    sendSettlement: async () => zeroBytes32,
    outcomeOf: async () => ({ status: 'pending' }),
  }
}
