import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import type { NodeService } from '../node/nodeService.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { NodeStatus, NodeTotals, PeerView } from '../protocol/views.ts'
import type { EventHub } from './eventHub.ts'

/** Ether as a float: for charts only, never for sums. */
const toEther = (amountWei: bigint): number => Number(amountWei) / 1e18

/** Gauges of a node's status; undefined leaves a series out. */
const statusGauges: Record<string, [help: string, read: (s: NodeStatus) => number | undefined]> = {
  is_voting: ['1 while the node votes, 0 otherwise.', (s) => (s.isVoting ? 1 : 0)],
  epoch: ['The committee’s epoch.', (s) => s.epoch],
  live_ctps: ['CTPs that hold money.', (s) => s.liveCtps],
  receipts_waiting: ['Receipted CTPs that are not settled.', (s) => s.receiptsWaiting],
  settlements_in_flight: ['Settlements sent, not confirmed.', (s) => s.settlementsInFlight],
  chain_head_block: ['Number of the chain’s newest block.', (s) => s.head?.number],
  chain_head_time_seconds: ['Unix time of the chain’s newest block.', (s) => s.head?.timeSeconds],
  chain_confirmed_block: ['Number of the confirmed block.', (s) => s.confirmed?.number],
  chain_lag_blocks: [
    'Blocks from the confirmed one to the newest.',
    (s) => (s.head && s.confirmed ? s.head.number - s.confirmed.number : undefined),
  ],
  clock_skew_seconds: [
    'Seconds by which the clock is ahead of the newest block.',
    (s) => s.clockSkewSeconds,
  ],
  committee_members: ['Members of the committee.', (s) => s.committee.length],
  peers: ['Nodes that this one is connected to.', (s) => s.peers?.length],
  member_peers: [
    'Other members of the committee that this node is connected to.',
    (s) => s.peers && countMembers(s.peers),
  ],
  is_caught_up: [
    '1 while the node knows what the others know, 0 while it fetches it.',
    (s) => (s.caughtUp === undefined ? undefined : s.caughtUp ? 1 : 0),
  ],
  equivocations: ['Members proved to have voted twice.', (s) => s.equivocations?.length],
}

/** Members among peers: one with two peer ids counts once. */
function countMembers(peers: readonly PeerView[]): number {
  return new Set(peers.flatMap(({ member }) => member ?? [])).size
}

/** Counters that the node itself keeps. */
const totalCounters: Record<string, [help: string, read: (t: NodeTotals) => number]> = {
  ctps_total: ['CTPs taken in.', (t) => t.ctps],
  ctps_refused_total: ['CTPs refused.', (t) => t.refused],
  ctps_settled_total: ['CTPs settled.', (t) => t.settled],
  ctps_expired_total: ['CTPs whose money became free without payment.', (t) => t.expired],
  receipts_total: ['Receipts that raised a delivered energy.', (t) => t.receipts],
  receipted_wh_total: ['Energy receipted.', (t) => t.receiptedWh],
  paid_ether_total: ['Ether paid to producers.', (t) => toEther(t.paidWei)],
  settlement_transactions_total: ['Settlements on chain.', (t) => t.settlementTransactions],
  settlement_gas_total: ['Gas of settlements.', (t) => Number(t.settlementGas)],
  settlement_calldata_bytes_total: ['Call data of settlements.', (t) => t.settlementCalldataBytes],
}

/** A node's metrics, read when they are scraped. */
export type NodeMetrics = {
  /** The text that Prometheus reads. */
  render(): Promise<string>
  contentType: string
  /** Counts an answered request. `code` is empty where it was not refused. */
  observeRequest(request: {
    method: string
    /** The route's pattern, so that ids in paths make no series of their own. */
    route: string
    status: number
    seconds: number
    code: ErrorCode | ''
  }): void
}

function registerNode(series: Registry, node: NodeService): void {
  const registers = [series]
  for (const [name, [help, read]] of Object.entries(statusGauges)) {
    new Gauge({
      name: `spb_${name}`,
      help,
      registers,
      collect() {
        const value = read(node.status())
        // A zero would say that there is a block 0.
        if (value === undefined) this.remove()
        else this.set(value)
      },
    })
  }
  for (const [name, [help, read]] of Object.entries(totalCounters)) {
    new Counter({
      name: `spb_${name}`,
      help,
      registers,
      collect() {
        this.reset()
        this.inc(read(node.totals()))
      },
    })
  }
  new Counter({
    name: 'spb_divergent_blocks_total',
    help: 'Blocks whose root was not the one that their proposer had announced.',
    registers,
    collect() {
      this.reset()
      this.inc(node.status().divergence ?? 0)
    },
  })
  new Gauge({
    name: 'spb_held_ether',
    help: 'Ether that live CTPs hold.',
    registers,
    collect() {
      this.set(toEther(node.totals().heldWei))
    },
  })
}

function registerHub(series: Registry, hub: EventHub): void {
  const registers = [series]
  new Gauge({
    name: 'spb_event_clients',
    help: 'WebSockets that follow events.',
    registers,
    collect() {
      this.set(hub.clientCount())
    },
  })
  new Counter({
    name: 'spb_event_clients_dropped_total',
    help: 'WebSockets cut off as too slow or silent.',
    registers,
    collect() {
      this.reset()
      this.inc(hub.droppedCount())
    },
  })
}

/** Defines all metrics of a node and its API, prefixed `spb_`, apart from any other. */
export function createNodeMetrics(node: NodeService, hub: EventHub): NodeMetrics {
  const series = new Registry()
  const registers = [series]
  registerNode(series, node)
  registerHub(series, hub)
  const durations = new Histogram({
    name: 'spb_http_request_seconds',
    help: 'Time to answer a request.',
    labelNames: ['method', 'route', 'status'],
    buckets: [0.001, 0.005, 0.02, 0.1, 0.5, 2, 10, 30],
    registers,
  })
  const refusals = new Counter({
    name: 'spb_refused_total',
    help: 'Requests refused, by error code.',
    labelNames: ['code'],
    registers,
  })
  return {
    contentType: series.contentType,
    render: () => series.metrics(),
    observeRequest({ method, route, status, seconds, code }) {
      durations.observe({ method, route, status }, seconds)
      if (code !== '') refusals.inc({ code })
    },
  }
}
