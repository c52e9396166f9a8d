import { formatTable } from '../formatTable.ts'
import { formatEnergy } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'
import type { AccountChange, Change, SceneReport, SceneStep } from './demoScene.ts'
import { formatCount, formatEther } from './formatMoney.ts'
import { wrapText } from './wrapText.ts'

const width = 96
const indent = '   '

const titles = {
  reliable: ['Reliable producer', 'what was promised comes, and is paid (the paper’s figure 4)'],
  unreliable: ['Unreliable producer', 'what does not come is not paid (the paper’s figure 5)'],
} as const

/** A scene for a person, at most 100 columns wide. */
export function formatScene(report: SceneReport, palette: Palette): string {
  const { scene, consumer, producer, paidWei, freedWei, receiptedWh, etherConserved } = report
  const [title, subtitle] = titles[scene]
  const { settlementTransactions, settlementGas } = report
  const check = etherConserved
    ? `${palette.green('✓')} the contract’s ether covers both balances, to the wei`
    : `${palette.red('✗')} NOT TRUE: the contract’s ether covers both balances`
  const end = [
    `${palette.bold('In the end')}  ${formatEnergy(receiptedWh)} came, ` +
      `${formatEther(paidWei)} ether paid, ${formatEther(freedWei)} ether freed; ` +
      `${formatCount(settlementTransactions)} settlement, ${formatCount(settlementGas)} gas.`,
    check,
    palette.dim(`${report.seconds.toFixed(1)} s; the time shown is the chain’s.`),
  ]
  return [
    `${palette.bold(title)}: ${subtitle}\n${consumer.name} buys from ${producer.name}.`,
    ...report.steps.map((step) => formatStep(step, palette)),
    end.join('\n'),
  ].join('\n\n')
}

function formatStep(step: SceneStep, palette: Palette): string {
  const clock = new Date(step.timeSeconds * 1000).toISOString().slice(11, 19)
  const cost =
    step.transactions === 0
      ? 'no transaction'
      : `${step.transactions} transaction${step.transactions === 1 ? '' : 's'}, ` +
        `${formatCount(step.gasUsed)} gas`
  const title = palette.bold(`${step.number}  ${step.title}`)
  const head = `${title}  ${palette.dim(`${clock}, ${cost}`)}`
  const text = wrapText(step.text, width - indent.length)
  const table = formatAccounts(step.accounts, palette)
  const moved = formatMoved(step)
  return [head, ...[...text, ...table, ...moved].map((line) => `${indent}${line}`)].join('\n')
}

const hasChanged = ({ before, after }: Change<bigint>): boolean => before !== after

function formatChange(change: Change<bigint>): string {
  const { before, after } = change
  return hasChanged(change) ? `${formatEther(before)} → ${formatEther(after)}` : formatEther(after)
}

function formatAccounts(accounts: readonly AccountChange[], palette: Palette): string[] {
  const changed = accounts.filter(({ balanceWei, heldWei, freeWei }) =>
    [balanceWei, heldWei, freeWei].some(hasChanged),
  )
  if (changed.length === 0) return []
  const columns = ['ether', 'balance', 'on hold', 'free'].map((head) => ({ head }))
  const rows = changed.map(({ name, balanceWei, heldWei, freeWei }) => {
    return [name, ...[balanceWei, heldWei, freeWei].map(formatChange)]
  })
  return formatTable(columns, rows, palette).split('\n')
}

function formatMoved({ heldWei, paidWei, freedWei, energyWh }: SceneStep): string[] {
  const parts = [
    heldWei === 0n ? '' : `held ${formatEther(heldWei)} ether`,
    paidWei === 0n ? '' : `paid ${formatEther(paidWei)} ether`,
    freedWei === 0n ? '' : `freed ${formatEther(freedWei)} ether`,
    energyWh === 0 ? '' : `energy ${formatEnergy(energyWh)}`,
  ].filter((part) => part !== '')
  return parts.length === 0 ? [] : [`= ${parts.join(', ')}`]
}
