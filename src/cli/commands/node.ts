import type { Command } from 'commander'
import { quorumOf } from '../../protocol/committee.ts'
import { errorTable, isErrorCode } from '../../protocol/errorTable.ts'
import type { NodeStatus } from '../../protocol/views.ts'
import type { Cli } from '../cli.ts'
import { actionOf, addExamples, type Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatFacts } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import { openNode } from '../nodeAccess.ts'

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
}
