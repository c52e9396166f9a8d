import type { Address, Bytes32, Signature } from './bytes.ts'
import {
  addressCodec,
  booleanCodec,
  type Codec,
  hexCodec,
  listCodec,
  numberCodec,
  objectCodec,
} from './codec.ts'
import { limits } from './limits.ts'
import { maxUint32 } from './units.ts'

/** A member's last word in the present epoch, as a node knows it. */
export type EpochEndView = {
  member: number
  votesRoot: Bytes32
  signature: Signature
  /** The node has the whole report behind the root, and gives it to others. */
  hasReport: boolean
}

/** How far the present epoch is: from the last one's reports to its own members' last words. */
export type EpochView = {
  epoch: number
  members: Address[]
  quorum: number
  /** All that the committee starts from was taken over: members may vote. */
  isStarted: boolean
  /** Votes roots of the last epoch's reports that the node does not have yet. */
  missingReports: Bytes32[]
  /** This node's member gave its last word: it votes no more. */
  hasEnded: boolean
  /** In the members' order. */
  ends: EpochEndView[]
}

const member = numberCodec(limits.members - 1)
const bytes32 = hexCodec(32)

const epochEndViewCodec: Codec<EpochEndView> = objectCodec<EpochEndView>(
  'EpochEndView',
  { member, votesRoot: bytes32, signature: hexCodec(64), hasReport: booleanCodec },
  {},
)

/** The JSON form of an epoch. */
export const epochViewCodec: Codec<EpochView> = objectCodec<EpochView>(
  'EpochView',
  {
    epoch: numberCodec(maxUint32),
    members: listCodec(addressCodec, limits.members),
    quorum: numberCodec(limits.members),
    isStarted: booleanCodec,
    missingReports: listCodec(bytes32, limits.members),
    hasEnded: booleanCodec,
    ends: listCodec(epochEndViewCodec, limits.members),
  },
  {},
)
