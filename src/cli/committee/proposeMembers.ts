import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { type Committee, quorumOf } from '../../protocol/committee.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import type { Market } from '../../protocol/digest.ts'
import type { EpochEndView, EpochView } from '../../protocol/epochView.ts'
import { limits } from '../../protocol/limits.ts'
import { recoverMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { listNodeUrls } from '../nodeAccess.ts'
import { type Decider, readDecider } from './decider.ts'
import { createEpochClient } from './epochClient.ts'
import { decodeCall, type Proposal } from './proposal.ts'
import { type OutOptions, propose } from './proposeActions.ts'

/** Addresses of a committee as the contract takes one: `3f + 1` of them, none twice. */
function parseMembers(texts: readonly string[]): Address[] {
  const members = texts.map((text) =>
    decodeAddress(text.replace(/^0X/, '0x'), `“${text.slice(0, 50)}”`),
  )
  if (new Set(members).size !== members.length) {
    throw new SpbError('input/address', 'A member is named twice.')
  }
  if (members.length % 3 !== 1 || members.length > limits.members) {
    throw new SpbError(
      'input/number',
      `A committee has 1, 4, 7, 10 … members, at most ${limits.members}: not ${members.length}.`,
    )
  }
  return members
}

/** Asks every node that was named; one at least must answer. */
async function askNodes(call: Call<object>): Promise<EpochView[]> {
  const urls = listNodeUrls(dataFolderOf(call.cli, call.options), call.options.node)
  const answers = await Promise.allSettled(urls.map((url) => createEpochClient(url).epoch()))
  const views = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []))
  const [failed] = answers.filter((answer) => answer.status === 'rejected')
  if (views.length === 0) throw failed?.reason
  return views
}

/**
 * A quorum's last words, in member order: those first whose report most nodes have. One whose
 * report no node has would keep the next committee from starting.
 */
function chooseEnds(
  { market, committee }: Pick<Decider, 'market' | 'committee'>,
  views: readonly EpochView[],
): EpochEndView[] {
  const found = new Map<number, { end: EpochEndView; holders: number }>()
  for (const { epoch, ends } of views) {
    if (epoch !== committee.epoch) continue
    for (const end of ends) {
      const known = found.get(end.member)
      if (known === undefined && !isSigned(market, committee, end)) continue
      if (known !== undefined && known.end.votesRoot !== end.votesRoot) continue
      const holders = (known?.holders ?? 0) + (end.hasReport ? 1 : 0)
      found.set(end.member, { end: known?.end ?? end, holders })
    }
  }
  const quorum = quorumOf(committee)
  const usable = [...found.values()].filter(({ holders }) => holders > 0)
  if (usable.length < quorum) {
    const missing = found.size - usable.length
    throw new SpbError(
      'epoch/too-few-ends',
      `${usable.length} of ${quorum} members ended epoch ${committee.epoch}` +
        (missing === 0 ? '.' : `; of ${missing} more no node has the report.`),
      { meta: { ends: usable.length, quorum } },
    )
  }
  return usable
    .sort((a, b) => b.holders - a.holders || a.end.member - b.end.member)
    .slice(0, quorum)
    .map(({ end }) => end)
    .sort((a, b) => a.member - b.member)
}

function isSigned(market: Market, { epoch, members }: Committee, end: EpochEndView): boolean {
  const { votesRoot, signature, member } = end
  return recoverMessage(market, 'EpochEnd', { epoch, votesRoot }, signature) === members[member]
}

/**
 * `spb committee propose members`: names the next committee, with a quorum's last words. Throws
 * `input/address`, `input/number`, `epoch/too-few-ends`, `store/failed`.
 */
export async function proposeMembers(
  call: Call<OutOptions>,
  words: readonly string[],
): Promise<CommandResult> {
  const members = parseMembers(words)
  const decider = await readDecider(call)
  const ends = chooseEnds(decider, await askNodes(call)).map((end) => {
    const { member: memberIndex, votesRoot, signature: signature64 } = end
    return { memberIndex, votesRoot, signature64 }
  })
  const args = [members, ends] as const
  return await propose(
    call,
    encodeFunctionData({ abi: marketAbi, functionName: 'openEpoch', args }),
  )
}

/** The roots of the reports from which a proposed committee would start; none for other calls. */
function rootsOf({ message }: Proposal): Bytes32[] {
  const { functionName, args } = decodeCall(message.call)
  return functionName === 'openEpoch' ? args[1].map(({ votesRoot }) => votesRoot) : []
}

/**
 * Refuses to agree to a committee whose start a missing report would hold up: whoever signs has
 * all of them at his node, which gives them to the new members. Throws `epoch/reports-missing`.
 */
export async function requireReports(call: Call<object>, proposal: Proposal): Promise<void> {
  const roots = rootsOf(proposal)
  if (roots.length === 0) return
  const views = await askNodes(call)
  const kept = new Set(
    views.flatMap(({ ends }) => ends.filter((end) => end.hasReport).map((end) => end.votesRoot)),
  )
  const missing = roots.filter((root) => !kept.has(root))
  if (missing.length === 0) return
  throw new SpbError(
    'epoch/reports-missing',
    `The node lacks ${missing.length} of the ${roots.length} reports.`,
    { meta: { missing: missing.join(', ') } },
  )
}
