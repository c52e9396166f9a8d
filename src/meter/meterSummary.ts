import type { OpenMeterState } from '../ports/meterStorage.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Seconds } from '../protocol/units.ts'
import { countKeys, marketOf } from './meterTrees.ts'

/** A meter as a person wants to see it. */
export type MeterSummary = {
  name: string
  /** The identity; never part of a trade. */
  meter: Address
  model: Bytes32
  certificateEndSeconds: Seconds
  market: Market | undefined
  /** Keys that a CTP expiring now could use. */
  keysLeft: number
  trees: TreeSummary[]
  /** CTPs bound to its keys, as far as the meter remembers. */
  boundCtps: number
  /** The last receipts of all of them together. */
  receiptedWh: number
}

/** One of a meter's trees, and for how long its keys are vouched for. */
export type TreeSummary = {
  number: number
  market: Market
  keys: number
  unusedKeys: number
  witness: Address
  fromSeconds: Seconds
  untilSeconds: Seconds
}

/** Sums a meter's state up; needs no secret of it. */
export function summarizeMeter(state: OpenMeterState, nowSeconds: Seconds): MeterSummary {
  const bindings = state.trees.flatMap((tree) => tree.bindings)
  return {
    name: state.name,
    meter: state.certificate.meter,
    model: state.certificate.model,
    certificateEndSeconds: state.certificate.notAfterSeconds,
    market: marketOf(state),
    keysLeft: countKeys(state, nowSeconds),
    trees: state.trees.map(({ number, market, height, nextLeaf, coe }) => ({
      ...{ number, market },
      keys: 2 ** height,
      unusedKeys: 2 ** height - nextLeaf,
      witness: coe.witness.meter,
      fromSeconds: coe.coe.notBeforeSeconds,
      untilSeconds: coe.coe.notAfterSeconds,
    })),
    boundCtps: bindings.length,
    receiptedWh: bindings.reduce((sum, { deliveredWh }) => sum + deliveredWh, 0),
  }
}
