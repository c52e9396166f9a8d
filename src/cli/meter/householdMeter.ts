import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { decodeObject } from '../../protocol/decodeMessage.ts'
import type { Market } from '../../protocol/digest.ts'
import type { Ctp } from '../../protocol/messages.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds, type Wh } from '../../protocol/units.ts'
import { createNodeHttp, type NodeHttp } from '../../sdk/nodeHttp.ts'
import type { MeterReadiness } from '../../sdk/prepareCtp.ts'
import type { DataFolder } from '../dataFolder.ts'
import { readJsonFile } from '../dataFolder.ts'
import { openMeter, runPathOf } from '../meterFolder.ts'
import {
  type MeterBrief,
  type MeterCallName,
  type MeterCalls,
  meterCallCodecs,
} from './meterCalls.ts'

/** A household's meter for one command: out of its file, or where it runs. */
export type OpenHouseholdMeter = {
  describe(expirySeconds: Seconds, consumer?: Address): Promise<MeterBrief>
  takeKey(
    expirySeconds: Seconds,
    consumer: Address,
  ): Promise<{ meterKey: Address; keysLeft: number }>
  bind(ctp: Ctp, consumer: Address, market: Market): Promise<MeterReadiness>
  receipt(ctpId: Bytes32, deliveredWh: Wh, measuredAtSeconds: Seconds): Promise<SignedErc>
  acknowledge(ctpId: Bytes32, deliveredWh: Wh): Promise<void>
  release(ctpId: Bytes32): Promise<void>
  close(): void
}

/** Asks a running meter. */
export async function askMeter<Name extends MeterCallName>(
  http: NodeHttp,
  name: Name,
  question: MeterCalls[Name][0],
): Promise<MeterCalls[Name][1]> {
  const codecs = meterCallCodecs[name]
  const body = codecs.question.encode(question as never)
  const json = await http.send({ method: 'POST', path: `/v1/${name}`, body, isRepeatable: false })
  return codecs.answer.decode(json, 'answer')
}

/** Whether a meter runs is known soon; its answer may take as long as five witnesses do. */
const [findMs, answerMs] = [10_000, 150_000]

/**
 * Where a meter runs, if it says so and answers; undefined where it does not. Throws `input/*`,
 * `file/unreadable` for a file that says nothing of the kind.
 */
export async function findRunningMeter(
  folder: DataFolder,
  name: string,
): Promise<NodeHttp | undefined> {
  const json = readJsonFile(runPathOf(folder, name))
  if (json === undefined) return undefined
  const { url } = decodeObject(json, ['url', 'processId'], 'running meter')
  if (typeof url !== 'string') throw new SpbError('input/shape', 'The meter’s URL is not text.')
  const connect = (timeoutMs: number) => createNodeHttp({ url, retryDelaysMs: [], timeoutMs })
  const http = connect(findMs)
  try {
    await askMeter(http, 'describe', { expirySeconds: seconds(0) })
    return connect(answerMs)
  } catch (error) {
    // It was ended without a chance to say so, and another program may have its port now. Where
    // it does run, its file is locked.
    if (error instanceof SpbError) return undefined
    throw error
  }
}

/** What a meter says of itself to a buyer. */
export function describeMeterBriefly(
  meter: SoftwareMeter,
  { expirySeconds, consumer }: MeterCalls['describe'][0],
): MeterBrief {
  const isMeasuring = meter.state.register !== undefined
  return { keysLeft: meter.keysLeft(expirySeconds, consumer), isMeasuring }
}

const nameQuestion = (expirySeconds: Seconds, consumer?: Address): MeterCalls['describe'][0] =>
  consumer === undefined ? { expirySeconds } : { expirySeconds, consumer }

function wrapLocal(meter: SoftwareMeter): OpenHouseholdMeter {
  return {
    describe: async (expirySeconds, consumer) =>
      describeMeterBriefly(meter, nameQuestion(expirySeconds, consumer)),
    async takeKey(expirySeconds, consumer) {
      const { meterKey } = meter.takeKey(expirySeconds, consumer)
      return { meterKey, keysLeft: meter.keysLeft(expirySeconds, consumer) }
    },
    bind: async (ctp, consumer, market) => meter.bind(ctp, consumer, market),
    receipt: async (ctpId, deliveredWh, at) => meter.receipt(ctpId, deliveredWh, at),
    acknowledge: async (ctpId, deliveredWh) => meter.acknowledge(ctpId, deliveredWh),
    release: async (ctpId) => meter.release(ctpId),
    close: () => meter.close(),
  }
}

function wrapRunning(http: NodeHttp): OpenHouseholdMeter {
  return {
    describe: (expirySeconds, consumer) =>
      askMeter(http, 'describe', nameQuestion(expirySeconds, consumer)),
    takeKey: (expirySeconds, consumer) => askMeter(http, 'takeKey', { expirySeconds, consumer }),
    bind: (ctp, consumer, market) => askMeter(http, 'bind', { ctp, consumer, market }),
    receipt: (ctpId, deliveredWh, measuredAtSeconds) =>
      askMeter(http, 'receipt', { ctpId, deliveredWh, measuredAtSeconds }),
    async acknowledge(ctpId, deliveredWh) {
      await askMeter(http, 'acknowledge', { ctpId, deliveredWh })
    },
    async release(ctpId) {
      await askMeter(http, 'release', { ctpId })
    },
    close: () => undefined,
  }
}

/**
 * A meter of the household, ready for one command: where `spb meter run` holds it, that process is
 * asked. Throws what `openMeter` throws, and what the meter's calls throw.
 */
export async function openHouseholdMeter(
  folder: DataFolder,
  name: string,
): Promise<OpenHouseholdMeter> {
  const running = await findRunningMeter(folder, name)
  return running === undefined ? wrapLocal(openMeter(folder, name)) : wrapRunning(running)
}
