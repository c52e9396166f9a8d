import type { IncidentLog, RegisterPoint } from '../ports/meterRegister.ts'
import type { OpenMeterState } from '../ports/meterStorage.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { Seconds, Wh } from '../protocol/units.ts'
import { countKeys, findUnacknowledged, marketOf } from './meterTrees.ts'

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
  /** Receipts that too few members keep: no new CTP is taken on before. */
  unacknowledged: { ctpId: Bytes32; receiptedWh: Wh; acknowledgedWh: Wh }[]
  /** The last reading, and all energy that was counted; absent where none was taken. */
  register?: RegisterPoint & { serial?: string; countedWh: number }
  /** What was not counted as energy, and why. */
  incidents: IncidentLog
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

function summarizeRegister({ register }: OpenMeterState): Pick<MeterSummary, 'register'> {
  if (register === undefined) return {}
  const { timeSeconds, importWh, countedWh, serial } = register
  const named = serial === undefined ? {} : { serial }
  return { register: { timeSeconds, importWh, ...named, countedWh } }
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
    receiptedWh: bindings.reduce((sum, { signedWh }) => sum + signedWh, 0),
    unacknowledged: findUnacknowledged(state).map(({ ctpId, signedWh, acknowledgedWh }) => {
      return { ctpId, receiptedWh: signedWh, acknowledgedWh }
    }),
    ...summarizeRegister(state),
    incidents: state.incidents ?? { counts: {}, recent: [] },
  }
}
