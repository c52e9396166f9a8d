import type { MeterReading } from '../ports/meterReading.ts'
import type { ReadingKind } from '../ports/meterRegister.ts'
import type { MeterBinding, MeterState } from '../ports/meterStorage.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { wh } from '../protocol/units.ts'
import { isUnfinished, shareEnergy } from './allocation.ts'
import { addIncident } from './incidentLog.ts'
import { type BindingPlace, bindingAt, changeBinding } from './meterTrees.ts'
import {
  defaultReadingRules,
  judgeReading,
  type ReadingRules,
  type ReadingVerdict,
} from './registerRules.ts'

/** What became of a reading. */
export type ReadingOutcome = {
  kind: ReadingKind
  /** Energy that it counted, in whole Wh; 0 unless its kind is `energy`. */
  importedWh: number
  /** CTPs for which energy was measured: their receipts grow. */
  grown: Bytes32[]
}

/** A reading's outcome, the state with it in, and whether a crash may forget that state. */
export type TakenReading = { outcome: ReadingOutcome; state: MeterState; canWait: boolean }

function recordVerdict(
  state: MeterState,
  { timeSeconds }: MeterReading,
  { kind, energyWh, register }: ReadingVerdict,
): MeterState {
  const { floorSeconds, ...rest } = state
  const isLost = register === undefined || register.isLost === true
  return {
    ...rest,
    ...(register === undefined ? {} : { register }),
    ...(isLost && floorSeconds !== undefined ? { floorSeconds } : {}),
    ...(kind === 'energy'
      ? {}
      : { incidents: addIncident(state.incidents, { kind, timeSeconds, energyWh }) }),
  }
}

/**
 * A reading may be forgotten by a crash where no binding could get energy then: the next one
 * counts from the reading before, for the same bindings, since a new one is kept together with
 * the register that it begins at. Repeated and late readings change nothing that counts.
 */
function canForget(kind: ReadingKind, bindings: readonly MeterBinding[], timeSeconds: number) {
  if (kind === 'repeated' || kind === 'late') return true
  const isLive = ({ ctp }: MeterBinding) => timeSeconds <= ctp.expirySeconds
  return kind === 'energy' && !bindings.some((each) => isUnfinished(each) && isLive(each))
}

/**
 * Takes a reading into a meter's state: register, incident, and what was measured for each
 * binding. `places` are those of the bindings that may be unfinished, in the order of binding.
 */
export function takeReading(
  state: MeterState,
  places: readonly BindingPlace[],
  reading: MeterReading,
  rules: Partial<ReadingRules>,
): TakenReading {
  const { register, floorSeconds } = state
  const context = { rules: { ...defaultReadingRules, ...rules }, floorSeconds }
  const verdict = judgeReading(register, reading, context)
  const { kind } = verdict
  const importedWh = kind === 'energy' ? verdict.energyWh : 0
  const bindings = places.map((place) => bindingAt(state, place))
  const shares = shareEnergy(importedWh, bindings, reading)
  const grown: Bytes32[] = []
  let next = recordVerdict(state, reading, verdict)
  for (const [at, { ctpId, deliveredWh: lastWh }] of bindings.entries()) {
    if (shares[at] === 0) continue
    const deliveredWh = wh(lastWh + shares[at]!)
    const change = { deliveredWh, measuredAtSeconds: reading.timeSeconds }
    next = changeBinding(next, places[at]!, change)
    grown.push(ctpId)
  }
  const canWait = canForget(kind, bindings, reading.timeSeconds)
  return { outcome: { kind, importedWh, grown }, state: next, canWait }
}
