import { members, type Party, parties, partyOf } from '../../src/ports/chainWorld.ts'
import { zeroBytes32 } from '../../src/protocol/bytes.ts'
import { ctpIdOf, digestOf, type Market } from '../../src/protocol/digest.ts'
import { buildMerkleTree } from '../../src/protocol/merkle.ts'
import type { Ctp } from '../../src/protocol/messages.ts'
import type { MeterEvidence } from '../../src/protocol/meterEvidence.ts'
import { signMessage } from '../../src/protocol/signature.ts'
import type { SignedErc } from '../../src/protocol/signedErc.ts'
import type { TradeProof } from '../../src/protocol/tradeProof.ts'
import { maxUint40, seconds, wei, wh } from '../../src/protocol/units.ts'

/** The one-time keys of the fixture's meter; the first one is that of its trades. */
export const meterKeys = [partyOf(99), partyOf(98)]
export const witness = partyOf(97)
const tree = buildMerkleTree(meterKeys.map(({ address }) => address))

/** What a test wants to be different from a valid proof. */
export type ProofChanges = {
  ctp?: Partial<Ctp>
  consumer?: Party
  epoch?: number
  /** Who votes, as which member. */
  voters?: readonly { member: number; party: Party }[]
  /** Undefined: no receipt. */
  deliveredWh?: number | undefined
  manufacturer?: Party
}

/** Members 0, 2 and 3 of the committee of four. */
export const quorum = [0, 2, 3].map((member) => ({ member, party: members[member]! }))

/** A receipt by the fixture's meter key, or another one. */
export function makeErc(
  market: Market,
  ctpId: `0x${string}`,
  deliveredWh: number,
  meter = meterKeys[0]!,
): SignedErc {
  const measuredAtSeconds = seconds(1_700_000_000)
  const erc = { ctpId, deliveredWh: wh(deliveredWh), measuredAtSeconds }
  return { erc, signature: signMessage(market, 'Erc', erc, meter.privateKey) }
}

function makeEvidence(market: Market, manufacturer: Party): MeterEvidence {
  const coe = {
    ...{ root: tree.root, height: tree.height },
    ...{ notBeforeSeconds: seconds(0), notAfterSeconds: seconds(maxUint40) },
  }
  const certificate = {
    ...{ meter: witness.address, model: zeroBytes32 },
    notAfterSeconds: seconds(maxUint40),
  }
  return {
    ...{ kind: 0, path: tree.pathOf(0), coe, witness: certificate },
    coeSignature: signMessage(market, 'CoE', coe, witness.privateKey),
    witnessSignature: signMessage(
      ...([market, 'MeterCertificate', certificate, manufacturer.privateKey] as const),
    ),
  }
}

/** Alice buys 1000 Wh of Bob for 999,999 wei: certified, receipted, of a trusted meter. */
export function makeTradeProof(
  given: Market,
  changes: ProofChanges = {},
): { proof: TradeProof; ctpId: `0x${string}` } {
  const { consumer = parties.alice, epoch = 1, voters = quorum } = changes
  const market = { chainId: given.chainId, address: given.address }
  const ctp: Ctp = {
    ...{ producer: parties.bob.address, offerId: 0n, nonce: 0 },
    ...{ amountWei: wei(999_999n), energyWh: wh(1_000), expirySeconds: seconds(1_700_001_000) },
    meterKey: meterKeys[0]!.address,
    ...changes.ctp,
  }
  const digest = digestOf(market, 'Ctp', ctp)
  const ctpId = ctpIdOf(digest, consumer.address)
  const batch = buildMerkleTree([zeroBytes32, ctpId])
  const deliveredWh = 'deliveredWh' in changes ? changes.deliveredWh : 1_000
  const message = { epoch, ctpsRoot: batch.root }
  const proof: TradeProof = {
    ...{ market, ctp },
    consumerSignature: signMessage(market, 'Ctp', ctp, consumer.privateKey),
    certificate: {
      epoch,
      votes: voters.map(({ member, party }) => ({
        member,
        signature: signMessage(market, 'HoldVote', message, party.privateKey),
        path: batch.pathOf(1),
      })),
    },
    meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, meterKeys[0]!.privateKey),
    evidence: makeEvidence(market, changes.manufacturer ?? parties.manufacturer),
    ...(deliveredWh === undefined ? {} : { receipt: makeErc(market, ctpId, deliveredWh) }),
  }
  return { proof, ctpId }
}
