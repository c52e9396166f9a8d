import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Ctp, MeterCertificate } from '../protocol/messages.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import type { Seconds, Wh } from '../protocol/units.ts'

/** A CTP to which a one-time key is bound for good, and what was receipted of it. */
export type MeterBinding = {
  readonly leaf: number
  /** Place among all bindings of the meter: readings go to the earliest first. */
  readonly order: number
  readonly ctpId: Bytes32
  readonly ctp: Ctp
  readonly consumer: Address
  /** The highest receipt that was signed; 0 before the first. */
  readonly deliveredWh: Wh
  /** As in that receipt; 0 before the first. */
  readonly measuredAtSeconds: Seconds
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
}

/** What a meter keeps. Never changed in place: each change makes a new state. */
export type MeterState = OpenMeterState & {
  /** 32 bytes from which all keys come. */
  readonly seed: Uint8Array
}

/**
 * Where one meter keeps its state. Synchronous, so that nothing is signed before it is kept.
 *
 * At most one holder at a time: two would use one-time keys twice.
 */
export type MeterStorage = {
  /** What was saved last; undefined before the first save. */
  load(): MeterState | undefined
  /**
   * Replaces the state; returns once it would survive power loss, and changes nothing where it
   * fails. Throws `store/failed`.
   */
  save(state: MeterState): void
  /** Lets others open it; nothing can be saved any more. */
  close(): void
}
