import type { Command } from 'commander'
import { peerIdOf } from '../../adapters/network/peerIdOf.ts'
import { quorumOf } from '../../protocol/committee.ts'
import { errorTable, isErrorCode } from '../../protocol/errorTable.ts'
import { addressOf } from '../../protocol/signature.ts'
import type { EquivocationView, NodeStatus, PeerView } from '../../protocol/views.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import { openNode } from '../nodeAccess.ts'
import { nodeKeyPath, openNodeKey } from '../nodeKeys.ts'

function describeVoting({ isVoting, reason, member }: NodeStatus): string {
  if (member === undefined) return 'no: it is not in the committee'
  if (isVoting) return `yes, as member ${member}`
  if (!isErrorCode(reason)) return `no${reason === undefined ? '' : `: ${reason}`}`
  const { message, hint } = errorTable[reason]
  return `no: ${message} ${hint} (${reason})`
}

function describeBlock(block: NodeStatus['head'], nowMs: number): string {
  return block === undefined
    ? 'none yet'
    : `${block.number}, ${formatTime(block.timeSeconds, nowMs)}`
}

/** How far the node’s clock is from the chain, in words. */
function describeClock(skewSeconds: number): string {
  if (skewSeconds === 0) return 'as the newest block'
  return `${Math.abs(skewSeconds)} s ${skewSeconds > 0 ? 'ahead of' : 'behind'} the newest block`
}

function describePeers(peers: readonly PeerView[], { member, committee }: NodeStatus): string {
  const members = [...new Set(peers.flatMap((peer) => peer.member ?? []))].toSorted((a, b) => a - b)
  const others = committee.length - (member === undefined ? 0 : 1)
  const which = members.length === 0 ? '' : ` (${members.join(', ')})`
  return `${peers.length}, of them ${members.length} of ${others} other members${which}`
}

/** What a node says of others; nothing of what it does not say. */
function listNetworkFacts(status: NodeStatus): [string, string][] {
  const { networkAddresses, peers, caughtUp, divergence, equivocations = [] } = status
  const facts: [string, string | undefined][] = [
    [
      'clock',
      status.clockSkewSeconds === undefined ? undefined : describeClock(status.clockSkewSeconds),
    ],
    ['reached at', networkAddresses?.join(', ') || undefined],
    ['peers', peers && describePeers(peers, status)],
    [
      'caught up',
      caughtUp === undefined ? undefined : caughtUp ? 'yes' : 'no: it fetches what it lacks',
    ],
    ['divergence', divergence === undefined ? undefined : describeDivergence(divergence)],
    ['voted twice', equivocations.map(nameCheat).join(', ') || undefined],
  ]
  return facts.filter((fact): fact is [string, string] => fact[1] !== undefined)
}

const nameCheat = ({ member, epoch }: EquivocationView) => `member ${member} in epoch ${epoch}`

const describeDivergence = (blocks: number) =>
  blocks === 0 ? 'none' : `${blocks} blocks whose root was not the announced one`

async function showStatus(call: Call<object>): Promise<CommandResult> {
  const { node } = openNode(call)
  const [status, totals] = await Promise.all([node.status(), node.totals()])
  const nowMs = call.cli.nowMs()
  const { committee, epoch } = status
  const quorum = committee.length === 0 ? 0 : quorumOf({ epoch, members: committee })
  return {
    json: { url: node.url, ...status, totals },
    text: (palette) =>
      [
        palette.bold(`Node ${node.url}`),
        formatFacts(
          [
            ['votes', describeVoting(status)],
            ['address', status.memberAddress],
            ['committee', `of ${committee.length}, quorum ${quorum}, epoch ${epoch}`],
            ['head', describeBlock(status.head, nowMs)],
            ['confirmed', describeBlock(status.confirmed, nowMs)],
            ...listNetworkFacts(status),
            ['live CTPs', `${status.liveCtps}, ${status.receiptsWaiting} ready to settle`],
            [
              'since start',
              `${totals.ctps} CTPs, ${totals.settled} settled, ${totals.refused} refused`,
            ],
            ['paid', `${formatAmount(totals.paidWei)} for ${formatEnergy(totals.receiptedWh)}`],
            ['root', status.root],
            ['version', `${status.version}, ${status.curveBackend} signatures`],
          ],
          palette,
        ),
      ].join('\n'),
  }
}

/** Who the folder's node is; its keys are made where there are none. */
function showIdentity({ cli, options }: Call<object>): CommandResult {
  const folder = dataFolderOf(cli, options)
  const member = addressOf(openNodeKey(folder, 'member'))
  const peerId = peerIdOf(openNodeKey(folder, 'network'))
  const keys = (['member', 'network'] as const).map((name) => nodeKeyPath(folder, name))
  return {
    json: { memberAddress: member, peerId, keyFiles: keys },
    text: (palette) =>
      formatFacts(
        [
          ['address', `${member}, as a member and as payer of settlements`],
          ['peer id', `${peerId}, to other nodes`],
          ['keys', `${keys.join(', ')}, unencrypted for you alone: keep a copy`],
        ],
        palette,
      ),
  }
}

/** `spb node`: how a node is. */
export function defineNode(command: Command, cli: Cli): void {
  addExamples(
    command
      .command('status')
      .description('Shows whether a node votes, where it is on the chain, and what it did.')
      .action(actionOf(cli, showStatus)),
    'spb node status',
    'spb node status --node http://127.0.0.1:8600',
  )
  addExamples(
    command
      .command('identity')
      .description('Shows who the node of this data folder is; makes its keys where it has none.')
      .action(actionOf(cli, showIdentity)),
    'spb node identity',
  )
}
