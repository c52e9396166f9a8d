import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import type { CtpSubmission } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import type { MeterCertificate } from '../../protocol/messages.ts'
import type { BatchItem } from '../../protocol/settlementBatch.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import type { Seconds } from '../../protocol/units.ts'
import type { RelayRecord } from './streetRelay.ts'

/** A settled trade as the chain shows it; its consumer comes out of the signature. */
export type ChainRecord = { item: BatchItem; consumer: Address }

/** A trade as every member of the committee sees it. */
export type GossipRecord = {
  submission: CtpSubmission
  consumer: Address
  /** Absent where no energy came. */
  receipt?: SignedErc
}

/** What a gateway sees beside the trade itself. */
export type GatewayRecord = { from: string; atSeconds: Seconds; consumer: Address }

/** What a witness sees of a meter that asks it. */
export type WitnessRecord = { owner: Address; root: Bytes32 }

/** How a household changes its account: never, at once, or when its meter begins a next tree. */
export type AccountChange = 'never' | 'at once' | 'with a next tree'

/** A household as it is: what no observer is told, for judging what they find out. */
export type HomeTruth = {
  networkAddress: string
  meter: MeterCertificate
  accounts: Address[]
  change: AccountChange
  isProducer: boolean
}

/** A month of a neighbourhood: the truth, and each observer's record of it. */
export type PrivacyMonth = {
  market: Market
  homes: HomeTruth[]
  chain: ChainRecord[]
  gossip: GossipRecord[]
  gateway: GatewayRecord[]
  relay: RelayRecord[]
  /** By the witness's identity. */
  witnesses: Map<Address, WitnessRecord[]>
  /** What the manufacturer certified. */
  manufactured: MeterCertificate[]
}
