import { recordOf } from '../ledger/ctpRecords.ts'
import { networkLimits, type PeerId } from '../ports/network.ts'
import { type Bytes32, bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import {
  type CtpRecord,
  messageLimits,
  type RecordsAsk,
  type TreeAnswer,
  type TreeAsk,
  type TreePlace,
} from '../protocol/nodeMessages.ts'
import { accepted, ignore, type Judgement, type NodeContext, reject } from './nodeContext.ts'
import { SyncDeskBudget } from './syncDeskBudget.ts'
import { childPlaces, isPlace } from './treePlaces.ts'

/** Bytes of records in one answer; the asker asks again for the others. */
const mostRecordBytes = networkLimits.messageBytes - 65_536

/** How much one peer may ask for. */
export type SyncDeskOptions = {
  /** Questions of one peer a second, and at once; those beyond are dropped. */
  asksPerSecond: number
  asksAtOnce: number
}

/** What an operator rarely has a reason to change. */
export const syncDeskDefaults: SyncDeskOptions = { asksPerSecond: 256, asksAtOnce: 1_024 }

/** Tells peers what this node's database holds, so that they find and fetch what they lack. */
export class SyncDesk {
  readonly #options: SyncDeskOptions
  readonly #context: NodeContext
  readonly #budgets = new Map<PeerId, SyncDeskBudget>()

  constructor(options: SyncDeskOptions, context: NodeContext) {
    this.#options = options
    this.#context = context
  }

  noteConnection(peer: PeerId, isConnected: boolean): void {
    if (!isConnected) this.#budgets.delete(peer)
  }

  /** Answers a question. Ignores with `node/overloaded`; rejects with `input/shape`. */
  take(peer: PeerId, ask: TreeAsk | RecordsAsk): Judgement {
    if (!this.#budgetOf(peer).take(this.#context.nowMs())) return ignore('node/overloaded')
    if (ask.kind === 'recordsAsk') {
      const records = this.#gather(ask.ctpIds)
      const message = { kind: 'recordsTell' as const, id: ask.id, records }
      this.#context.emit({ kind: 'send', peer, message })
      return accepted
    }
    if (ask.places.length > messageLimits.treePlaces || !ask.places.every(isPlace)) {
      return reject('input/shape')
    }
    const root = bytesToHex(this.#context.state.tree.root())
    const answers = ask.places.map((place) => this.#answer(place))
    const message = { kind: 'treeTell' as const, id: ask.id, root, answers }
    this.#context.emit({ kind: 'send', peer, message })
    return accepted
  }

  #budgetOf(peer: PeerId): SyncDeskBudget {
    let budget = this.#budgets.get(peer)
    if (budget === undefined) {
      const { asksPerSecond, asksAtOnce } = this.#options
      budget = new SyncDeskBudget(asksPerSecond, asksAtOnce)
      this.#budgets.set(peer, budget)
    }
    return budget
  }

  #gather(ctpIds: readonly Bytes32[]): CtpRecord[] {
    const records: CtpRecord[] = []
    let bytes = 0
    for (const ctpId of ctpIds.slice(0, messageLimits.recordsPerAsk)) {
      const record = recordOf(this.#context.state, ctpId)
      if (record === undefined) continue
      bytes += boundBytes(record)
      if (bytes > mostRecordBytes) break
      records.push(record)
    }
    return records
  }

  #answer({ prefix, bits }: TreePlace): TreeAnswer {
    const { tree } = this.#context.state
    const bytes = hexToBytes(prefix)
    const leaves = tree.leavesBelow(bytes, bits, messageLimits.treeLeaves)
    if (leaves !== undefined) {
      return {
        kind: 'leaves',
        leaves: leaves.map(({ key, digest }) => ({
          ctpId: bytesToHex(key),
          digest: bytesToHex(digest),
        })),
      }
    }
    const hashes = childPlaces({ prefix, bits }).map((child) =>
      bytesToHex(tree.nodeHash(hexToBytes(child.prefix), child.bits)),
    )
    return { kind: 'hashes', hashes }
  }
}

/** The most bytes that a record can take in a message. */
function boundBytes({ certificate }: CtpRecord): number {
  const votes = certificate.votes.reduce((sum, { path }) => sum + 72 + 33 * path.siblings.length, 0)
  return 320 + votes
}
