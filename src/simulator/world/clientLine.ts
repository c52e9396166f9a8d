import type { NodeService } from '../../node/nodeService.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Random } from '../random.ts'
import type { BrokenPromise } from './promiseChecker.ts'
import type { SimulatedNode } from './simulatedNode.ts'
import type { VirtualTime } from './virtualTime.ts'

/** What a household hears of its request; nothing at all where the line, or the node, failed. */
export type Answer<Value> =
  | { kind: 'reply'; value: Value }
  | { kind: 'refusal'; code: string }
  | { kind: 'silence' }

/** What a line between households and nodes works with. */
export type ClientLineParts = {
  time: VirtualTime
  random: Random
  fail(broken: BrokenPromise): void
}

const patienceMs = 15_000

/** Carries households' requests to nodes and the answers back, slowly, and not always. */
export class ClientLine {
  readonly #parts: ClientLineParts
  /** False: nothing gets lost. */
  isFaulty = true

  constructor(parts: ClientLineParts) {
    this.#parts = parts
  }

  /** Asks a node; `onAnswered` sees what it said even if the answer gets lost. */
  ask<Value>(
    node: SimulatedNode,
    work: (service: NodeService) => Promise<Value>,
    onAnswered: (value: Value) => void = () => {},
  ): Promise<Answer<Value>> {
    const { time, random, fail } = this.#parts
    const loss = this.isFaulty ? 0.05 : 0
    const { promise, resolve } = Promise.withResolvers<Answer<Value>>()
    const isRequestLost = random.chance(loss)
    const isAnswerLost = random.chance(loss)
    const [thereMs, backMs] = [random.between(1, 200), random.between(1, 200)]
    const answer = (value: Answer<Value>) => {
      if (!isAnswerLost) time.schedule(backMs, () => resolve(value))
    }
    time.schedule(patienceMs, () => resolve({ kind: 'silence' }))
    if (isRequestLost) return promise
    time.schedule(thereMs, () => {
      const { service } = node
      if (service === undefined) return
      const isSame = () => node.service === service
      work(service).then(
        (value) => {
          if (!isSame()) return
          onAnswered(value)
          answer({ kind: 'reply', value })
        },
        (error) => {
          if (!isSame()) return
          if (error instanceof SpbError) answer({ kind: 'refusal', code: error.code })
          else
            fail({
              promise: 'crash',
              text: `${node.name} answered with ${String(error)}`,
            })
        },
      )
    })
    return promise
  }
}
