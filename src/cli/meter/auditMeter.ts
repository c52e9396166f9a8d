import { auditMeter, type MeterAudit, type ShownAccount } from '../../meter/meterAudit.ts'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import type { CtpView } from '../../protocol/views.ts'
import type { NodeClient } from '../../sdk/nodeClient.ts'
import { createWitnessClient } from '../../sdk/witnessClient.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { readEndpoint } from '../endpoint.ts'
import { formatTime } from '../formatTime.ts'
import { chooseMeterName, readMeters } from '../meterFolder.ts'
import { openNode, requireMarket } from '../nodeAccess.ts'
import { type AuditNumber, formatAudit } from './auditText.ts'

/** What `spb meter audit` takes. */
export type AuditOptions = { days: number }

/** What a node tells that matters for a household’s privacy. */
type NodeWord = {
  url: string
  /** Meters that it lists as witnesses now. */
  meters: Set<Address>
  /** Settled trades of each account since then, in either role. */
  settled: Map<Address, number>
}

const daySeconds = 86_400
const pageItems = 1000

/** The settled trades of an account that expire after a time, as the chain shows them. */
async function countSettled(
  node: NodeClient,
  account: Address,
  fromSeconds: number,
  longestLifeSeconds: number,
): Promise<number> {
  let count = 0
  let before: { beforeNumber?: number } = {}
  for (;;) {
    const page = await node.ctps({ account, limit: pageItems, ...before })
    const isLate = ({ ctp }: CtpView) => ctp.expirySeconds >= fromSeconds
    count += page.filter((view) => view.state === 'settled' && isLate(view)).length
    const last = page.at(-1)
    // What came in before that one expires at most a longest life later.
    const isOver = last === undefined || last.ctp.expirySeconds + longestLifeSeconds < fromSeconds
    if (isOver || page.length < pageItems) return count
    before = { beforeNumber: last.number }
  }
}

/** A node’s word where one answers; a node that was named must. */
async function askNode(
  call: Call<AuditOptions>,
  accounts: readonly ShownAccount[],
  fromSeconds: number,
): Promise<NodeWord | undefined> {
  const isNamed = call.options.node !== undefined
  if (!isNamed && readEndpoint(dataFolderOf(call.cli, call.options)) === undefined) return undefined
  try {
    const access = openNode(call)
    await requireMarket(access)
    const { node } = access
    const { longestLifeSeconds } = (await node.market()).options
    const posts = await createWitnessClient({ url: node.url }).list()
    const settled = new Map<Address, number>()
    for (const { account } of accounts) {
      settled.set(account, await countSettled(node, account, fromSeconds, longestLifeSeconds))
    }
    const meters = new Set(posts.map(({ certificate }) => certificate.meter))
    return { url: node.url, meters, settled }
  } catch (error) {
    // What the meter showed stands in its own file: it can be read while no node runs.
    if (!isNamed && error instanceof SpbError && error.code === 'node/unreachable') return undefined
    throw error
  }
}

/** The listed meters that an account’s may be: the own one, and all that did not witness for it. */
function countCandidates({ witnesses }: ShownAccount, own: Address, { meters }: NodeWord): number {
  const candidates = new Set([...meters, own])
  for (const witness of witnesses) candidates.delete(witness)
  return candidates.size
}

function describeAccounts({ accounts }: MeterAudit, own: Address, word: NodeWord | undefined) {
  return accounts.map((shown) => ({
    ...shown,
    onChain: word?.settled.get(shown.account) ?? null,
    possibleMeters: word === undefined ? null : countCandidates(shown, own, word),
  }))
}

type DescribedAccount = ReturnType<typeof describeAccounts>[number]

/** The sum or the least of what a node said of accounts; null where none did. */
function reduceKnown(
  accounts: readonly DescribedAccount[],
  name: 'onChain' | 'possibleMeters',
  reduce: (...values: number[]) => number,
): number | null {
  const known = accounts.flatMap(({ [name]: value }) => (value === null ? [] : [value]))
  return known.length === 0 ? null : reduce(...known)
}

function listReceiptNumbers({ ctps, links, ...audit }: MeterAudit): AuditNumber[] {
  return [
    {
      ...{ name: 'ctps', value: ctps },
      meaning: 'CTPs that showed their account, producer, price and root to every node.',
      advice: 'Fewer and larger ones show less of your day.',
    },
    {
      ...{ name: 'receipts', value: links.receipts },
      meaning: 'Of them, those for which energy was receipted; once settled, on chain for good.',
      advice: 'As above.',
    },
    {
      ...{ name: 'roots', value: links.roots },
      meaning: 'Trees that they belong to: receipts of two trees are not linked by the meter.',
      advice: 'More trees are better; a meter gets one when a CoE ends or its keys are used up.',
    },
    {
      ...{ name: 'receiptsPerRootMean', value: links.receiptsPerRootMean },
      meaning: 'Receipts that anyone who sees them knows to be of one meter.',
      advice:
        'Smaller trees, but like the neighbours’: their height is seen. Renewing sooner does not ' +
        'help, since an old tree’s keys are used first.',
    },
    {
      ...{ name: 'receiptsPerRootMost', value: links.receiptsPerRootMost },
      meaning: 'The same, for the tree with the most.',
      advice: 'As above.',
    },
    {
      ...{ name: 'accountsPerRootMost', value: audit.accountsPerRootMost },
      meaning: 'Accounts that one root shows to be of one household; 1 tells nothing.',
      advice: 'The meter sees to it: a tree serves one account.',
    },
    {
      ...{ name: 'repeatedKeys', value: audit.repeatedKeys },
      meaning: 'Meter keys that two CTPs show. Anything but 0 is a bug, or a restored copy.',
      advice: 'Never run a copy of a meter’s file.',
    },
  ]
}

function listMeterNumbers(
  { witnesses }: MeterAudit,
  accounts: readonly DescribedAccount[],
  word: NodeWord | undefined,
): AuditNumber[] {
  const sum = (...values: number[]) => values.reduce((total, value) => total + value, 0)
  return [
    {
      ...{ name: 'witnesses', value: witnesses.length },
      meaning:
        'Meters that know this meter’s identity and some of its roots, so its trades by them.',
      advice:
        'Fewer trees need fewer witnesses; a fresh account, with its fresh tree, starts anew.',
    },
    {
      ...{ name: 'treesPerWitnessMost', value: witnesses[0]?.trees ?? 0 },
      meaning: 'Roots that one of them knows.',
      advice: 'More meters that witness: the next one is drawn from all of them.',
    },
    {
      ...{ name: 'listedMeters', value: word?.meters.size ?? null },
      meaning: 'Meters that the node lists now: whoever vouched, and this meter, hide among them.',
      advice: 'Ask neighbours to let their meters run and witness.',
    },
    {
      ...{ name: 'possibleMetersLeast', value: reduceKnown(accounts, 'possibleMeters', Math.min) },
      meaning: 'Meters that an account’s may be: none that witnessed for it. At 1 it is known.',
      advice: 'A fresh account, before this gets small.',
    },
    {
      ...{ name: 'onChain', value: reduceKnown(accounts, 'onChain', sum) },
      meaning:
        'Settled trades of these accounts that anybody can read on chain, each account’s all.',
      advice: 'A fresh account, paid in from elsewhere, is not linked to the old one.',
    },
  ]
}

function tellUsedTree({ usedTree }: MeterAudit, nowMs: number): string[] {
  if (usedTree === undefined)
    return ['The next key is of a fresh tree: an account may change without loss of keys.']
  const { keysLeft, untilSeconds } = usedTree
  return [
    `The present tree has ${keysLeft} keys left and counts until ` +
      `${formatTime(untilSeconds, nowMs)}.`,
    'It serves the account that used it only: a new one begins with a next tree, so that nobody',
    'links the two. Get it by spb meter renew; a running meter does so by itself.',
  ]
}

function listNotes(
  audit: MeterAudit,
  word: NodeWord | undefined,
  hasUsedTree: boolean,
  nowMs: number,
): string[] {
  return [
    ...(hasUsedTree ? tellUsedTree(audit, nowMs) : []),
    ...(audit.isComplete
      ? []
      : ['A meter forgets a tree 30 days after its end: what is older may be missing here.']),
    ...(word === undefined ? ['No node answers: what it would tell is left out.'] : []),
  ]
}

/**
 * `spb meter audit`: what the household’s meter showed of itself, and what of it can be linked.
 *
 * Throws `meter/unknown`, `meter/damaged`, `input/option`; of a node that was named or answers,
 * `node/*`, `ctp/wrong-market`.
 */
export async function auditOwnMeter(
  call: Call<AuditOptions>,
  named?: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const name = chooseMeterName(folder, named)
  const state = readMeters(folder).find((meter) => meter.name === name)
  if (state === undefined) throw new SpbError('meter/unknown')
  const toSeconds: Seconds = seconds(Math.floor(cli.nowMs() / 1000))
  const fromSeconds = seconds(toSeconds - options.days * daySeconds)
  const audit = auditMeter(state, fromSeconds, toSeconds)
  const word = await askNode(call, audit.accounts, fromSeconds)
  const accounts = describeAccounts(audit, state.certificate.meter, word)
  const numbers = [...listReceiptNumbers(audit), ...listMeterNumbers(audit, accounts, word)]
  const { witnesses, usedTree, isComplete } = audit
  const notes = listNotes(audit, word, state.trees.length > 0, cli.nowMs())
  return {
    json: {
      ...{ meter: name, days: options.days, fromSeconds, toSeconds, isComplete },
      ...{ numbers, accounts, witnesses, usedTree: usedTree ?? null, node: word?.url ?? null },
    },
    text: (palette) => {
      const title = `Meter ${name}, the last ${options.days} days`
      return formatAudit({ title, numbers, accounts, witnesses, notes }, palette)
    },
  }
}
