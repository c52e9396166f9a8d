import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Ctp, MeterCertificate } from '../protocol/messages.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import type { Seconds, Wh } from '../protocol/units.ts'
import type { IncidentLog, RegisterState } from './meterRegister.ts'

/** A CTP to which a one-time key is bound for good, and what was receipted of it. */
export type MeterBinding = {
  readonly leaf: number
  /** Place among all bindings of the meter: readings go to the earliest first. */
  readonly order: number
  readonly ctpId: Bytes32
  readonly ctp: Ctp
  readonly consumer: Address
  /** Energy that was measured for it: what a receipt now would say. */
  readonly deliveredWh: Wh
  /** When the last of it was measured; 0 before any. */
  readonly measuredAtSeconds: Seconds
  /** The highest receipt that may have left the meter; 0 before the first. */
  readonly signedWh: Wh
  /** The highest receipt of which enough members have said that they keep it. */
  readonly acknowledgedWh: Wh
  /** Takes no more readings: the CTP was refused or declined. */
  readonly isReleased: boolean
}

/** A tree of one-time keys that another meter witnessed for one market. */
export type MeterTree = {
  /** Never used twice by a meter, also when old trees are forgotten. */
  readonly number: number
  readonly height: number
  readonly market: Market
  readonly coe: SignedCoe
  /** Leaves below it are reserved, bound or lost. */
  readonly nextLeaf: number
  /** In the order of binding. */
  readonly bindings: readonly MeterBinding[]
}

/** What a meter keeps, its secret apart. */
export type OpenMeterState = {
  readonly name: string
  readonly certificate: MeterCertificate
  readonly manufacturerSignature: Signature
  /** Height of the trees to come. */
  readonly treeHeight: number
  readonly nextTree: number
  readonly nextOrder: number
  /** Oldest first. */
  readonly trees: readonly MeterTree[]
  /** Absent before the first reading: receipts are made by hand until then. */
  readonly register?: RegisterState
  /** Absent before the first incident. */
  readonly incidents?: IncidentLog
  /** Readings up to this time may have been counted by a later state that is lost. */
  readonly floorSeconds?: Seconds
  /** The state was put back from a copy: keys that it takes for unused may have been used since. */
  readonly isRestored?: true
}

/** What a meter keeps. Never changed in place: each change makes a new state. */
export type MeterState = OpenMeterState & {
  /** 32 bytes from which all keys come; absent where they are in a secure element. */
  readonly seed?: Uint8Array
}

/**
 * Where one meter keeps its state. Synchronous, so that nothing is signed before it is kept.
 *
 * At most one holder at a time: two would use one-time keys twice.
 */
export type MeterStorage = {
  /**
   * What was saved last; undefined before the first save. Where an earlier state may have been put
   * back in its place, `isRestored` is set in it, until a state without it is saved.
   */
  load(): MeterState | undefined
  /**
   * Replaces the state; returns once it would survive power loss, and changes nothing where it
   * fails. Throws `store/failed`.
   */
  save(state: MeterState): void
  /** Lets others open it; nothing can be saved any more. */
  close(): void
}
