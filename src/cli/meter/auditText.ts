import type { Address } from '../../protocol/bytes.ts'
import { wrapText } from '../demo/wrapText.ts'
import { formatTable } from '../formatTable.ts'
import { shortenHex } from '../formatUnits.ts'
import type { Palette } from '../palette.ts'

/** A number of an audit, what it means, and what would lower it; null where nobody told it. */
export type AuditNumber = { name: string; value: number | null; meaning: string; advice: string }

/** An audit as it is shown. */
export type AuditText = {
  title: string
  numbers: readonly AuditNumber[]
  accounts: readonly {
    account: Address
    ctps: number
    receipts: number
    onChain: number | null
    possibleMeters: number | null
  }[]
  witnesses: readonly { witness: Address; trees: number }[]
  notes: readonly string[]
}

const columns = 88
const indent = '  '

function formatValue(value: number | null): string {
  if (value === null) return '?'
  return value.toLocaleString('en', { maximumFractionDigits: 1 })
}

/** `receiptsPerRootMean` as words. */
const spellOut = (name: string): string =>
  name.replace(/ctps/, 'CTPs').replace(/(?<=[a-z])[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`)

function formatNumber({ name, value, meaning, advice }: AuditNumber, palette: Palette): string[] {
  const text = advice === 'As above.' ? meaning : `${meaning} ${advice}`
  return [
    `${palette.bold(formatValue(value))} ${spellOut(name)}`,
    ...wrapText(text, columns).map((line) => indent + palette.dim(line)),
  ]
}

function formatAccounts({ accounts }: AuditText, palette: Palette): string[] {
  if (accounts.length === 0) return []
  const rows = accounts.map(({ account, ctps, receipts, onChain, possibleMeters }) => [
    ...[shortenHex(account), formatValue(ctps), formatValue(receipts)],
    ...[formatValue(onChain), formatValue(possibleMeters)],
  ])
  const heads = ['CTPs', 'receipts', 'on chain', 'possible meters']
  const right = heads.map((head) => ({ head, align: 'right' }) as const)
  return ['', formatTable([{ head: 'account' }, ...right], rows, palette)]
}

function formatWitnesses({ witnesses }: AuditText, palette: Palette): string[] {
  if (witnesses.length === 0) return []
  const rows = witnesses.map(({ witness, trees }) => [shortenHex(witness), formatValue(trees)])
  return ['', formatTable([{ head: 'witness' }, { head: 'roots', align: 'right' }], rows, palette)]
}

/** An audit for a person: each number with what it means, then accounts and witnesses. */
export function formatAudit(audit: AuditText, palette: Palette): string {
  return [
    palette.bold(audit.title),
    ...audit.numbers.flatMap((number) => formatNumber(number, palette)),
    ...formatAccounts(audit, palette),
    ...formatWitnesses(audit, palette),
    ...(audit.notes.length === 0 ? [] : ['', ...audit.notes]),
  ].join('\n')
}
