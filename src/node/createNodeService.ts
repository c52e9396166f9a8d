import { idKey } from '../ledger/keys.ts'
import type { LedgerState } from '../ledger/ledgerState.ts'
import { stateDigestOf } from '../ledger/ledgerState.ts'
import { listCtps, listOffers, viewAccount, viewDossier } from '../ledger/ledgerViews.ts'
import { type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { quorumOf } from '../protocol/committee.ts'
import type { EpochView } from '../protocol/epochView.ts'
import type { VoidCertificate } from '../protocol/holdCertificate.ts'
import { curveBackend } from '../protocol/signature.ts'
import { wei } from '../protocol/units.ts'
import { viewLimits } from '../protocol/viewCodecs.ts'
import type { CtpView, ErcView, NodeStatus } from '../protocol/views.ts'
import type { NodeMachine } from './nodeMachine.ts'
import type { NodeRuntime } from './nodeRuntime.ts'
import type { NodeOperation, NodeService } from './nodeService.ts'

/** Version of the software, as status and API state it. */
export const nodeVersion = '0.1.0'

/** Answers the API's questions from a machine and the runtime that drives it. */
export function createNodeService(
  runtime: NodeRuntime,
  machine: NodeMachine,
  state: LedgerState,
): NodeService & NodeOperation {
  /** Memory may be ahead of a disk that failed: nothing of it may leave. */
  const safe = <Args extends unknown[], Result>(read: (...args: Args) => Result) => {
    return (...args: Args): Result => {
      if (runtime.failure !== undefined) throw runtime.failure
      return read(...args)
    }
  }
  return {
    market: () => ({
      ...state.facts,
      manufacturers: state.standing.listManufacturers().slice(0, viewLimits.manufacturers),
      revokedMeters: state.standing.listRevokedMeters().slice(0, viewLimits.revokedMeters),
    }),
    status: () => statusOf(runtime, machine, state),
    totals: safe(() => ({ ...machine.totals, heldWei: wei(state.accounts.totalHeldWei) })),
    // Each kind of request has its own kind of reply, which the machine keeps apart.
    submitCtp: (submission) => runtime.submit(submission) as Promise<CtpView>,
    submitErc: (signed) =>
      runtime.ask((request) => ({ kind: 'receipt', request, signed })) as Promise<ErcView>,
    voidNonce: (shown) =>
      runtime.ask((request) => ({ kind: 'void', request, shown })) as Promise<VoidCertificate>,
    ctp: safe((key) => viewDossier(state, key)),
    ctps: safe((filter) => listCtps(state, filter)),
    offers: safe((filter) => listOffers(state, filter)),
    account: safe((address) => viewAccount(state, address)),
    proof: safe((ctpId: Bytes32) => {
      const live = state.live.get(ctpId)
      const isCertified = live !== undefined && live.state !== 'proposed'
      return {
        root: bytesToHex(state.tree.root()),
        digest: isCertified ? bytesToHex(stateDigestOf(live)) : null,
        proof: state.tree.prove(idKey(ctpId)),
      }
    }),
    epoch: safe(() => machine.epochDesk.view()),
    endEpoch: () => runtime.ask((request) => ({ kind: 'endEpoch', request })) as Promise<EpochView>,
    subscribe: (listener) => runtime.subscribe(listener),
  }
}

function statusOf(runtime: NodeRuntime, machine: NodeMachine, state: LedgerState): NodeStatus {
  const { committee, head, confirmed } = state
  const reason = runtime.failure?.code ?? machine.gate.reason()?.code
  const member = committee.members.indexOf(machine.memberAddress)
  const brief = (block: typeof head) =>
    block && { number: block.number, timeSeconds: block.timeSeconds }
  const headBrief = brief(head)
  const confirmedBrief = brief(confirmed)
  return {
    isVoting: reason === undefined,
    ...(reason === undefined ? {} : { reason }),
    ...(member < 0 ? {} : { member }),
    memberAddress: machine.memberAddress,
    epoch: committee.epoch,
    committee: [...committee.members],
    quorum: committee.members.length === 0 ? 0 : quorumOf(committee),
    ...(headBrief === undefined ? {} : { head: headBrief }),
    ...(confirmedBrief === undefined ? {} : { confirmed: confirmedBrief }),
    root: bytesToHex(state.tree.root()),
    liveCtps: state.live.size,
    receiptsWaiting: state.full.size,
    settlementsInFlight: machine.settlement.inFlight,
    ...networkStatusOf(runtime, machine, state),
    curveBackend,
    version: nodeVersion,
  }
}

/** What a node with a network says of others; nothing where it is alone. */
function networkStatusOf(
  runtime: NodeRuntime,
  machine: NodeMachine,
  { committee }: LedgerState,
): Partial<NodeStatus> {
  const networkAddresses = runtime.networkAddresses
  if (networkAddresses === undefined) return {}
  const peers = [...machine.peers.connected].sort().map((peerId) => {
    const address = machine.peers.memberOf(peerId)
    const member = address === undefined ? -1 : committee.members.indexOf(address)
    return member < 0 ? { peerId } : { peerId, member }
  })
  const equivocations = machine.equivocations.list().map(({ epoch, member }) => ({ epoch, member }))
  return {
    ...{ networkAddresses, peers, equivocations },
    caughtUp: machine.catchUp.hasCaughtUp,
    divergence: machine.rootAudit.divergence,
    clockSkewSeconds: machine.gate.clockSkewSeconds,
  }
}
