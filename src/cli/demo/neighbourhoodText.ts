import { formatTable } from '../formatTable.ts'
import { formatEnergy } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'
import { formatCount, formatEther, formatEtherColumn, formatKwhColumn } from './formatMoney.ts'
import type { HomeReport, NeighbourhoodReport } from './neighbourhoodReport.ts'
import { wrapText } from './wrapText.ts'

const width = 96
/** What gas is taken to cost where a price in ether is shown. */
const gasPriceWei = 1_000_000_000n
const mostPairs = 8
const mostHomes = 40
const mostSkipped = 12

/** A neighbourhood's day for a person, at most 100 columns wide. */
export function formatNeighbourhood(report: NeighbourhoodReport, palette: Palette): string {
  return [
    describe(report, palette),
    formatHomes(report, palette),
    formatTrades(report, palette),
    formatPairs(report, palette),
    formatChain(report, palette),
    formatSkipped(report, palette),
    formatChecks(report, palette),
  ]
    .filter((part) => part !== '')
    .join('\n\n')
}

function describe(report: NeighbourhoodReport, palette: Palette): string {
  const { description, profiles, seed, unreliableProducers } = report
  const title = `${palette.bold('Neighbourhood')}: homes sell each other what they have left over`
  const names = unreliableProducers.map(({ name }) => name)
  const facts = [
    profiles === 'simulated' ? '' : `From ${profiles}. `,
    `Seed ${seed}. `,
    names.length === 0 ? '' : `Unreliable (*): ${listNames(names)}.`,
  ]
  return [
    title,
    ...wrapText(`${description}.`, width),
    ...wrapText(facts.join('').trim(), width),
  ].join('\n')
}

/** Text after a bold heading, in lines that fit. */
function formatParagraph(heading: string, text: string, palette: Palette): string {
  const [first = '', ...rest] = wrapText(`${heading}: ${text}`, width)
  return [`${palette.bold(heading)}${first.slice(heading.length)}`, ...rest].join('\n')
}

function listNames(names: readonly string[]): string {
  const shown = names.slice(0, 6).map(clipName).join(', ')
  return names.length > 6 ? `${shown} and ${names.length - 6} more` : shown
}

function formatHomes({ households }: NeighbourhoodReport, palette: Palette): string {
  const right = 'right' as const
  const columns = [
    { head: 'home' },
    ...['price', 'needed', 'bought', 'surplus', 'sold'].map((head) => ({ head, align: right })),
    ...['spent', 'earned', 'balance'].map((head) => ({ head, align: right })),
  ]
  const units = ['', 'ether/kWh', 'kWh', 'kWh', 'kWh', 'kWh', 'ether', 'ether', 'ether']
  const shown = households.slice(0, mostHomes)
  const rows = [units.map((unit) => palette.dim(unit)), ...shown.map(rowOf)]
  if (households.length > 1) rows.push(rowOfAll(households).map((cell) => palette.bold(cell)))
  const hidden = households.length - shown.length
  const rest = hidden === 0 ? '' : `\n${palette.dim(`${hidden} more homes: see --json`)}`
  return formatTable(columns, rows, palette) + rest
}

function clipName(name: string): string {
  return name.length <= 16 ? name : `${name.slice(0, 15)}…`
}

function rowOf(home: HomeReport): string[] {
  const { isProducer, priceWeiPerKwh } = home
  return [
    `${clipName(home.name)}${home.isUnreliable ? ' *' : ''}`,
    isProducer ? formatEtherColumn(priceWeiPerKwh, 7) : '',
    formatKwhColumn(home.neededWh),
    formatKwhColumn(home.boughtWh),
    isProducer ? formatKwhColumn(home.surplusWh) : '',
    isProducer ? formatKwhColumn(home.soldWh) : '',
    ...[home.spentWei, home.earnedWei, home.balanceWei].map((amount) => formatEtherColumn(amount)),
  ]
}

function rowOfAll(homes: readonly HomeReport[]): string[] {
  const energy = (key: 'neededWh' | 'boughtWh' | 'surplusWh' | 'soldWh') =>
    formatKwhColumn(homes.reduce((sum, home) => sum + home[key], 0))
  const money = (key: 'spentWei' | 'earnedWei' | 'balanceWei') =>
    formatEtherColumn(homes.reduce((sum, home) => sum + home[key], 0n))
  return [
    ...['all', ''],
    ...[energy('neededWh'), energy('boughtWh'), energy('surplusWh'), energy('soldWh')],
    ...[money('spentWei'), money('earnedWei'), money('balanceWei')],
  ]
}

function formatTrades(report: NeighbourhoodReport, palette: Palette): string {
  const { ctps, settled, expired, refused, receiptedWh, paidWei, households } = report
  const neededWh = households.reduce((sum, home) => sum + home.neededWh, 0)
  const share = neededWh === 0 ? 0 : Math.round((100 * receiptedWh) / neededWh)
  const price = receiptedWh === 0 ? 0n : (paidWei * 1000n) / BigInt(receiptedWh)
  const refusals = refused === 0 ? '' : `, and ${formatCount(refused)} refused`
  const text =
    `${count(ctps, 'commitment')} to pay, ${formatCount(settled)} settled, ` +
    `${formatCount(expired)} expired${refusals}. ` +
    `${formatEnergy(receiptedWh)} came and were paid with ${formatEther(paidWei)} ether` +
    `${price === 0n ? '' : ` (${formatEther(price)} ether/kWh)`}: ` +
    `${share} % of what the homes needed.`
  const failures = report.unreliableProducers.slice(0, 6).flatMap((producer) => {
    const { name, nothing, part, freedWei } = producer
    if (nothing + part === 0) return []
    const sent = `sent nothing ${count(nothing, 'time')} and a part ${count(part, 'time')}`
    return [`* ${clipName(name)} ${sent}: ${formatEther(freedWei)} ether came free, unpaid.`]
  })
  return [formatParagraph('Trades', text, palette), ...failures].join('\n')
}

function count(amount: number, noun: string): string {
  return `${formatCount(amount)} ${noun}${amount === 1 ? '' : 's'}`
}

function formatPairs({ pairs }: NeighbourhoodReport, palette: Palette): string {
  if (pairs.length === 0) return ''
  const right = 'right' as const
  const columns = [
    ...[{ head: 'from' }, { head: 'to' }],
    ...['energy', 'paid'].map((head) => ({ head, align: right })),
  ]
  const rows = pairs.slice(0, mostPairs).map(({ consumer, producer, energyWh, paidWei }) => {
    const energy = `${formatKwhColumn(energyWh)} kWh`
    return [clipName(producer), clipName(consumer), energy, `${formatEtherColumn(paidWei)} ether`]
  })
  const hidden = pairs.length - rows.length
  const rest = hidden === 0 ? '' : `\n${palette.dim(`and ${count(hidden, 'more pair')}`)}`
  return `${palette.bold('Who bought from whom')}\n${formatTable(columns, rows, palette)}${rest}`
}

function formatChain(report: NeighbourhoodReport, palette: Palette): string {
  const { settled, settlementTransactions, gasPerTrade, settlementGas } = report
  const { offerTransactions, offerGas, setupTransactions, settlementCalldataBytes } = report
  const bytes = settled === 0 ? 0 : Math.round(settlementCalldataBytes / settled)
  const gasPerOffer = offerTransactions === 0 ? 0n : offerGas / BigInt(offerTransactions)
  const ether = (gas: bigint) => `${formatEther(gas * gasPriceWei)} ether`
  const text =
    `${count(settled, 'trade')} in ${count(settlementTransactions, 'settlement')}: ` +
    `${formatCount(gasPerTrade)} gas and ${formatCount(bytes)} bytes a trade, which is ` +
    `${ether(BigInt(gasPerTrade))} at 1 gwei. ` +
    `${count(offerTransactions, 'offer')} at ${formatCount(gasPerOffer)} gas each. ` +
    `At 1 gwei, all settlements cost ${ether(settlementGas)}, all offers ${ether(offerGas)}. ` +
    `${count(setupTransactions, 'transaction')} before, to set everything up.`
  return formatParagraph('On chain', text, palette)
}

function formatSkipped({ skippedRows }: NeighbourhoodReport, palette: Palette): string {
  if (skippedRows.length === 0) return ''
  const columns = [
    ...[{ head: 'file' }, { head: 'reason' }, { head: 'column' }],
    ...['rows', 'first line'].map((head) => ({ head, align: 'right' as const })),
  ]
  const rows = skippedRows.slice(0, mostSkipped).map((row) => {
    const file = row.file.length <= 36 ? row.file : `…${row.file.slice(-35)}`
    const [rowCount, firstLine] = [formatCount(row.count), formatCount(row.firstLine)]
    return [file, row.reason, clipName(row.column ?? ''), rowCount, firstLine]
  })
  const hidden = skippedRows.length - rows.length
  const rest = hidden === 0 ? '' : `\n${palette.dim(`${hidden} more: see --json`)}`
  const table = formatTable(columns, rows, palette)
  return `${palette.yellow('Not traded')}: what the profiles do not tell clearly\n${table}${rest}`
}

function formatChecks({ checks, seconds, tradesPerSecond }: NeighbourhoodReport, palette: Palette) {
  const lines = [
    ['the contract’s ether covers all balances, to the wei', checks.etherConserved],
    ['each balance is deposit + earned − spent', checks.balancesAgree],
    ['all that was paid was spent by one home and earned by one', checks.paymentsAgree],
    ['each Wh receipted was bought by one home and sold by one', checks.energyConserved],
    ['the node’s books are the chain’s', checks.nodeAgrees],
  ] as const
  const told = lines.map(([text, isTrue]) =>
    isTrue ? `${palette.green('✓')} ${text}` : `${palette.red('✗')} NOT TRUE: ${text}`,
  )
  const speed =
    `${seconds.toFixed(1)} s, ${tradesPerSecond.toFixed(0)} trades a second, ` +
    'every signature and transaction real.'
  return [...told, palette.dim(speed)].join('\n')
}
