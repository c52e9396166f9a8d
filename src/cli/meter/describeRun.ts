import type { MeterRunner, MeterRunStatus } from '../../meter/meterRunner.ts'
import type { SpbError } from '../../protocol/spbError.ts'
import { formatTime } from '../formatTime.ts'
import { formatEnergy } from '../formatUnits.ts'
import type { MeterRunView } from './meterCalls.ts'

const explain = ({ code, message, hint }: SpbError) => `${message} ${hint} (${code})`

function viewSource({ source }: MeterRunStatus): Partial<MeterRunView> {
  if (source === undefined) return {}
  const { name, state, lastReading } = source
  return {
    ...{ source: name, sourceState: state.kind },
    ...(state.kind === 'waiting' ? { sourceFailure: explain(state.cause) } : {}),
    ...(lastReading === undefined
      ? {}
      : { lastReadingSeconds: lastReading.timeSeconds, importWh: lastReading.importWh }),
  }
}

function stateOfRenewal({ renewal }: MeterRunStatus): MeterRunView['renewal'] {
  if (renewal.isRunning) return 'running'
  if (!renewal.isNeeded) return 'notNeeded'
  return renewal.failure === undefined ? 'needed' : 'failed'
}

/** A running meter's status as other programs read it. */
export function viewRun(runner: MeterRunner): MeterRunView {
  const status = runner.status()
  const { droppedReadings, refusedReadings, receiptsWaiting, renewal } = status
  const { lastRefusal, receiptFailure, storeFailure } = status
  return {
    ...viewSource(status),
    isStale: status.source?.isStale ?? false,
    ...{ droppedReadings, refusedReadings, receiptsWaiting, renewal: stateOfRenewal(status) },
    ...(lastRefusal === undefined ? {} : { lastRefusal: explain(lastRefusal) }),
    ...(receiptFailure === undefined ? {} : { receiptFailure: explain(receiptFailure) }),
    ...(renewal.failure === undefined ? {} : { renewalFailure: explain(renewal.failure) }),
    ...(storeFailure === undefined ? {} : { storeFailure: explain(storeFailure) }),
  }
}

function describeSource(view: MeterRunView, nowMs: number): [string, string][] {
  if (view.source === undefined) return [['source', 'none: it measures nothing']]
  const { sourceState = 'connecting', sourceFailure, lastReadingSeconds, importWh } = view
  const state = sourceFailure === undefined ? sourceState : `${sourceState}: ${sourceFailure}`
  const reading =
    lastReadingSeconds === undefined || importWh === undefined
      ? 'none yet'
      : `${formatTime(lastReadingSeconds, nowMs)}, import ${formatEnergy(importWh)} in all`
  return [
    ['source', `${view.source}, ${state}`],
    ['last reading', view.isStale ? `${reading}; stale` : reading],
  ]
}

const renewalWords: Record<MeterRunView['renewal'], string> = {
  notNeeded: 'enough for now',
  needed: 'new ones are wanted',
  running: 'new ones are being witnessed',
  failed: 'new ones are wanted, and could not be had',
}

/** A running meter's status as a person reads it. */
export function listRunFacts(view: MeterRunView, nowMs: number): [string, string][] {
  const { receiptsWaiting, receiptFailure, renewalFailure } = view
  const waiting = receiptsWaiting === 0 ? 'none wait' : `${receiptsWaiting} wait`
  const keys = renewalWords[view.renewal]
  const problems: [string, string | undefined][] = [
    ['last refusal', view.lastRefusal],
    ['storage', view.storeFailure],
  ]
  return [
    ...describeSource(view, nowMs),
    ['receipts', receiptFailure === undefined ? waiting : `${waiting}: ${receiptFailure}`],
    ['keys', renewalFailure === undefined ? keys : `${keys}: ${renewalFailure}`],
    ...(view.droppedReadings + view.refusedReadings === 0
      ? []
      : [
          [
            'left out',
            `${view.refusedReadings} readings refused, ${view.droppedReadings} came too fast`,
          ] as [string, string],
        ]),
    ...problems.filter((problem): problem is [string, string] => problem[1] !== undefined),
  ]
}
