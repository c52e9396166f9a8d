import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import type { CtpSubmission, SignedCtp } from '../../protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf } from '../../protocol/digest.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { buildMerkleTree, type MerkleTree } from '../../protocol/merkle.ts'
import type { Ctp } from '../../protocol/messages.ts'
import type { SignedCoe } from '../../protocol/meterEvidence.ts'
import { signDigest, signMessage } from '../../protocol/signature.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { seconds, wh } from '../../protocol/units.ts'
import { type WorldParty, worldFacts, worldPartyOf, worldStartSeconds } from './worldMarket.ts'

/** The maker of all genuine meters. */
export const worldManufacturer = worldPartyOf('manufacturer')
const forger = worldPartyOf('forger')
const witness = worldPartyOf('witness')

/** One-time meter keys in a tree: few, since nothing here depends on their being fresh. */
const treeHeight = 3
const farFuture = seconds(worldStartSeconds + 10 * 365 * 86_400)
const { chainId, address } = worldFacts
const market = { chainId, address }

type MeterTree = { keys: WorldParty[]; tree: MerkleTree; signed: SignedCoe }
const trees = new Map<string, MeterTree>()

function growTree(name: string, maker: WorldParty): MeterTree {
  const keys = Array.from({ length: 2 ** treeHeight }, (_, leaf) =>
    worldPartyOf(`meter of ${name}, key ${leaf}`),
  )
  const tree = buildMerkleTree(keys.map((key) => key.address))
  const coe = {
    ...{ root: tree.root, height: treeHeight },
    ...{
      notBeforeSeconds: seconds(worldStartSeconds - 86_400),
      notAfterSeconds: farFuture,
    },
  }
  const certificate = {
    meter: witness.address,
    model: bytesToHex(keccak256(new TextEncoder().encode('world meter'))),
    notAfterSeconds: farFuture,
  }
  return {
    ...{ keys, tree },
    signed: {
      ...{ coe, witness: certificate },
      coeSignature: signMessage(market, 'CoE', coe, witness.key),
      witnessSignature: signMessage(market, 'MeterCertificate', certificate, maker.key),
    },
  }
}

/** What a consumer wants to commit to. */
export type TradeWish = Omit<Ctp, 'producer' | 'meterKey'> & {
  consumer: WorldParty
  producer: WorldParty
  /** False: of a meter that no manufacturer in good standing made. */
  isGenuine: boolean
}

/** A complete trade on paper. */
export type TradePapers = {
  submission: CtpSubmission
  ctpId: `0x${string}`
  consumer: Address
  meterKey: WorldParty
}

/** Signs all that a trade needs: by consumer, meter, and producer where terms were negotiated. */
export function signTrade(wish: TradeWish): TradePapers {
  const { consumer, producer, isGenuine, ...terms } = wish
  const name = `${consumer.address}${isGenuine ? '' : ', forged'}`
  let grown = trees.get(name)
  if (grown === undefined) {
    grown = growTree(name, isGenuine ? worldManufacturer : forger)
    trees.set(name, grown)
  }
  const leaf = terms.nonce % grown.keys.length
  const meterKey = grown.keys[leaf]!
  const ctp: Ctp = {
    ...terms,
    producer: producer.address,
    meterKey: meterKey.address,
  }
  const digest = digestOf(market, 'Ctp', ctp)
  const ctpId = ctpIdOf(digest, consumer.address)
  const isNegotiated = ctp.offerId === 0n
  const submission: CtpSubmission = {
    ...{ market, ctp },
    consumerSignature: signDigest(digest, consumer.key),
    meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, meterKey.key),
    evidence: { kind: 0, path: grown.tree.pathOf(leaf), ...grown.signed },
    ...(isNegotiated
      ? {
          acceptSignature: signMessage(market, 'Accept', { ctpId }, producer.key),
        }
      : {}),
  }
  return { submission, ctpId, consumer: consumer.address, meterKey }
}

/** What a void request shows. */
export function shownOf({ submission }: TradePapers): SignedCtp {
  const { ctp, consumerSignature } = submission
  return { ctp, consumerSignature }
}

/** A receipt of a trade by its meter. */
export function signReceipt(papers: TradePapers, deliveredWh: number, atMs: number): SignedErc {
  const erc = {
    ...{ ctpId: papers.ctpId, deliveredWh: wh(deliveredWh) },
    measuredAtSeconds: seconds(Math.floor(atMs / 1000)),
  }
  return {
    erc,
    signature: signMessage(market, 'Erc', erc, papers.meterKey.key),
  }
}
