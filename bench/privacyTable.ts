import { formatFigure } from './format.ts'
import type { Figures } from './report.ts'

/** What a cell says, and the short names of the tests that hold it. */
type Cell = readonly [text: string, ...tests: string[]]

/** An observer, and what it learns, column by column. */
type Row = { observer: string; cells: readonly [Cell, Cell, Cell, Cell, Cell, Cell] }

const columns = [
  'who the household is',
  'which meter it has',
  'trades of one account',
  'trades of two accounts',
  'receipts of one root',
  'whom it asked to witness',
]

/** Figures as words of a sentence. */
type Words = Record<string, string>

function wordsOf(figures: Figures): Words {
  const words = Object.entries(figures).map(([name, value]) => [name, formatFigure(value)])
  return new Proxy(Object.fromEntries(words) as Words, {
    get(all, name) {
      const word = all[String(name)]
      if (word === undefined) throw new Error(`There is no figure ${String(name)}.`)
      return word
    },
  })
}

const pseudonym = 'no, an account'
const changedOf = ({ changedAtOnce, changedWithTree }: Figures) =>
  formatFigure((changedAtOnce ?? 0) + (changedWithTree ?? 0))

function publicRows(f: Words, changed: string): Row[] {
  return [
    {
      observer: 'the **chain**: anybody',
      cells: [
        [pseudonym, 't1'],
        ['no', 't1', 't3'],
        [`all: ${f.chainTradesPerAccountMean}, at most ${f.chainTradesPerAccountMost}`, 't4'],
        [`${f.chainJoined} by meter keys; any by where money comes from and goes to`, 't2', 't3'],
        [`no roots: ${f.chainMeterKeys} keys, once each`, 't1', 't3'],
        ['no', 't1'],
      ],
    },
    {
      observer: '**gossip**: every node, and whoever may ask one',
      cells: [
        [pseudonym, 't5', 't16'],
        [
          `one of ${f.gossipCandidatesMean}, at least ${f.gossipCandidatesLeast}: those that did ` +
            'not witness for the account',
          ...['t5', 't8'],
        ],
        ['all, as on chain', 't4'],
        [
          `${f.gossipJoined} of ${changed}; ` +
            `accounts under one root: ${f.gossipAccountsPerRootMost}`,
          ...['t6', 't18', 't19', 't20'],
        ],
        [`all: ${f.gossipReceiptsPerRootMean}, at most ${f.gossipReceiptsPerRootMost}`, 't7'],
        [`who vouched, for each root; as if drawn from ${f.gossipWitnessSet} meters`, 't9'],
      ],
    },
  ]
}

function nodeRows(f: Words, changed: string): Row[] {
  return [
    {
      observer: 'the **gateway** of a household',
      cells: [
        [`network address: ${f.gatewayAddresses} of ${f.meters}`, 't10'],
        [
          `of ${f.gatewayNamedAccounts} of ${f.accounts} accounts, where the meter witnesses ` +
            'through it from there; else as gossip',
          't10',
        ],
        ['all', 't4'],
        [`${f.gatewayJoined} of ${changed}, by network address`, 't10'],
        ['as gossip', 't7'],
        ['as gossip', 't9'],
      ],
    },
    {
      observer: 'a **relay** of requests to witnesses, alone',
      cells: [
        [`network address: ${f.relayAskingAddresses} of ${f.meters}`, 't11'],
        [`at which address a meter witnesses: ${f.relayMeters} of ${f.meters}`, 't11'],
        ['none', 't11', 't17'],
        ['none', 't11', 't17'],
        ['none', 't11', 't17'],
        [`all ${f.relayAsks} requests: from which address, to whom, when`, 't11'],
      ],
    },
    {
      observer: 'a **relay that follows gossip**, as every node does',
      cells: [
        [`network address of ${f.timedAccounts} of ${f.accounts} accounts, by time`, 't12'],
        [
          `of ${f.timedNamedAccounts} of ${f.accounts} accounts, where the meter witnesses ` +
            'through it from there; else as gossip',
          't12',
        ],
        ['all', 't4'],
        [`${f.timedJoined} of ${changed}, by network address`, 't12'],
        [
          `as gossip, and the network address of ${f.timedRoots} of ${f.gossipRoots} roots`,
          't7',
          't12',
        ],
        ['who was asked, and who vouched', 't9', 't11'],
      ],
    },
  ]
}

function partyRows(f: Words, changed: string): Row[] {
  const { producerCandidatesMean, producerCandidatesLeast } = f
  return [
    {
      observer: 'a **witness** that follows gossip',
      cells: [
        ['no, its meter', 't13'],
        [
          `of ${f.witnessNamedAccountsMean} accounts, at most ${f.witnessNamedAccountsMost}: ` +
            'those that use a tree it signed',
          't13',
        ],
        ['all of those accounts', 't4', 't13'],
        [`${f.witnessJoinedMean} of ${changed}: where it signed for both`, 't13'],
        [
          `it signed ${f.witnessTreesMean} roots, at most ${f.witnessTreesMost}: ` +
            `${f.witnessReceiptsMean} receipts`,
          't13',
        ],
        ['no one but itself', 't13'],
      ],
    },
    {
      observer: 'the **producer**, from his own trades',
      cells: [
        [pseudonym, 't14'],
        [`one of ${producerCandidatesMean}, at least ${producerCandidatesLeast}`, 't14'],
        [`those with him: ${f.producerTradesPerAccountMean}`, 't14'],
        [`${f.producerJoinedMost} of ${changed}, as gossip`, 't14', 't19'],
        [`${f.producerReceiptsPerRootMean}, at most ${f.producerReceiptsPerRootMost}`, 't14'],
        ['who vouched, in his trades', 't14'],
      ],
    },
    {
      observer: 'the **manufacturer**, alone',
      cells: [
        ['no, unless it knows who bought the meter', 't15'],
        [
          `finds ${f.manufacturerOwnersShown} of the ${f.manufacturerMeters} that it made ` +
            'in their own trades',
          't15',
        ],
        ['as on chain', 't4'],
        ['as on chain', 't3'],
        ['no roots', 't1', 't15'],
        [`no, but which of its meters witness: ${f.manufacturerSeenWitnessing}`, 't15'],
      ],
    },
  ]
}

const formatCell = ([text, ...tests]: Cell) => `${text} *(${tests.join(', ')})*`

const formatRow = ({ observer, cells }: Row) =>
  `| ${[observer, ...cells.map(formatCell)].join(' | ')} |`

/** The page's table: observer by observer, with what each found out of the month. */
export function formatPrivacyTable(figures: Figures): string {
  const f = wordsOf(figures)
  const changed = changedOf(figures)
  const rows = [...publicRows(f, changed), ...nodeRows(f, changed), ...partyRows(f, changed)]
  return [
    `${f.meters} meters and ${f.accounts} accounts in a month: ${f.ctps} CTPs, ${f.receipts} of ` +
      `them receipted, ${f.gossipRoots} trees.`,
    '',
    `| observer | ${columns.join(' | ')} |`,
    `| --- |${' --- |'.repeat(columns.length)}`,
    ...rows.map(formatRow),
  ].join('\n')
}
