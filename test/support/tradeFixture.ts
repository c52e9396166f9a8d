import type { MarketFacts } from '../../src/ports/chain.ts'
import { type Address, bytesToHex } from '../../src/protocol/bytes.ts'
import type { CtpSubmission } from '../../src/protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf, type Market } from '../../src/protocol/digest.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import { buildMerkleTree } from '../../src/protocol/merkle.ts'
import type { Ctp } from '../../src/protocol/messages.ts'
import type { SignedCoe } from '../../src/protocol/meterEvidence.ts'
import { addressOf, signDigest, signMessage } from '../../src/protocol/signature.ts'
import type { SignedErc } from '../../src/protocol/signedErc.ts'
import { seconds, wei, wh } from '../../src/protocol/units.ts'

/** A key pair that depends on a name alone. */
export type Party = { key: Uint8Array; address: Address }

/** The party of a name: the same on every run. */
export function partyOf(name: string): Party {
  const key = keccak256(new TextEncoder().encode(`test party ${name}`))
  return { key, address: addressOf(key) }
}

export const testMarket: Market = { chainId: 31337, address: `0x${'5b'.repeat(20)}` }

/** A market with round figures: life 1 day, grace 600 s. */
export const testFacts: MarketFacts = {
  chainId: testMarket.chainId,
  address: testMarket.address,
  deploymentBlock: 1,
  options: {
    longestLifeSeconds: seconds(86_400),
    graceSeconds: seconds(600),
    withdrawalDelaySeconds: seconds(172_800),
    minimumAmountWei: wei(10n),
    feeWei: wei(0n),
    burnWei: wei(0n),
  },
}

export const manufacturer = partyOf('manufacturer')
const witness = partyOf('witness')

/** Times around which tests play. */
export const startSeconds = 1_700_000_000
const farFuture = seconds(startSeconds + 10 * 365 * 86_400)

/** A tree of one-time meter keys with its CoE by the test witness. */
export type TestTree = {
  keys: Party[]
  signed: SignedCoe
  pathOf(index: number): ReturnType<ReturnType<typeof buildMerkleTree>['pathOf']>
}

/** Builds a tree of `2^height` keys for a market. */
export function growTree(market: Market, name: string, height = 1): TestTree {
  const keys = Array.from({ length: 2 ** height }, (_, leaf) => partyOf(`${name} leaf ${leaf}`))
  const tree = buildMerkleTree(keys.map(({ address }) => address))
  const coe = {
    root: tree.root,
    height,
    notBeforeSeconds: seconds(startSeconds - 86_400),
    notAfterSeconds: farFuture,
  }
  const certificate = {
    meter: witness.address,
    model: bytesToHex(keccak256(new TextEncoder().encode('test meter'))),
    notAfterSeconds: farFuture,
  }
  return {
    keys,
    pathOf: (index) => tree.pathOf(index),
    signed: {
      coe,
      coeSignature: signMessage(market, 'CoE', coe, witness.key),
      witness: certificate,
      witnessSignature: signMessage(market, 'MeterCertificate', certificate, manufacturer.key),
    },
  }
}

export type SubmissionOptions = {
  market?: Market
  consumer: Party
  producer: Party
  nonce?: number
  amountWei?: bigint
  energyWh?: number
  expirySeconds?: number
  offerId?: bigint
  tree?: TestTree
  leaf?: number
  isAccepted?: boolean
}

/** A complete, valid submission; by default of negotiated terms that the producer accepted. */
export function makeSubmission(options: SubmissionOptions): CtpSubmission & { meterKey: Party } {
  const { market = testMarket, consumer, producer, nonce = 0, offerId = 0n, leaf = 0 } = options
  const tree = options.tree ?? growTree(market, `${consumer.address} ${nonce}`)
  const meterKey = tree.keys[leaf]!
  const ctp: Ctp = {
    producer: producer.address,
    offerId,
    amountWei: wei(options.amountWei ?? 1_000n),
    energyWh: wh(options.energyWh ?? 500),
    nonce,
    expirySeconds: seconds(options.expirySeconds ?? startSeconds + 900),
    meterKey: meterKey.address,
  }
  const digest = digestOf(market, 'Ctp', ctp)
  const ctpId = ctpIdOf(digest, consumer.address)
  const isAccepted = options.isAccepted ?? offerId === 0n
  return {
    market,
    ctp,
    meterKey,
    consumerSignature: signDigest(digest, consumer.key),
    meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, meterKey.key),
    evidence: { kind: 0, path: tree.pathOf(leaf), ...tree.signed },
    ...(isAccepted
      ? { acceptSignature: signMessage(market, 'Accept', { ctpId }, producer.key) }
      : {}),
  }
}

/** The id of a submission's CTP. */
export function idOf(submission: CtpSubmission, consumer: Party) {
  return ctpIdOf(digestOf(submission.market, 'Ctp', submission.ctp), consumer.address)
}

/** A receipt by a meter key. */
export function makeReceipt(
  market: Market,
  ctpId: `0x${string}`,
  deliveredWh: number,
  meterKey: Party,
): SignedErc {
  const erc = { ctpId, deliveredWh: wh(deliveredWh), measuredAtSeconds: seconds(startSeconds) }
  return { erc, signature: signMessage(market, 'Erc', erc, meterKey.key) }
}
