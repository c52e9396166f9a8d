import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { formatFigures, formatReport } from './format.ts'
import { type Bench, makeReport, type Report } from './report.ts'

/** Benchmarks by name; loaded when asked for. */
const benches: Record<string, () => Promise<Bench>> = {
  ledger: async () => (await import('./ledger.ts')).ledgerBench,
  gas: async () => (await import('./gas.ts')).gasBench,
  demo: async () => (await import('./demo.ts')).demoBench,
}

const usage = `npm run bench -- [${Object.keys(benches).join('|')}]… [--json] [--write]

Without a name runs all. --json prints one JSON document; --write puts the figures into
docs/figures.md, between its two markers, as they were measured.`

/** The page that holds measured figures, and the marks between which they stand. */
const figuresPage = new URL('../docs/figures.md', import.meta.url)
const marks = { start: '<!-- figures -->', end: '<!-- /figures -->' }

function writeFigures(reports: readonly Report[]): void {
  const page = readFileSync(figuresPage, 'utf8')
  const [before, rest] = page.split(marks.start)
  const after = rest?.split(marks.end)[1]
  if (before === undefined || after === undefined)
    throw new Error('docs/figures.md lacks its marks.')
  const figures = reports.map(formatFigures).join('\n')
  writeFileSync(figuresPage, `${before}${marks.start}\n\n${figures}\n${marks.end}${after}`)
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { json: { type: 'boolean' }, write: { type: 'boolean' }, help: { type: 'boolean' } },
  })
  const names = positionals.length > 0 ? positionals : Object.keys(benches)
  const unknown = names.find((name) => !Object.hasOwn(benches, name))
  if (values.help || unknown !== undefined) {
    if (unknown !== undefined) console.error(`There is no benchmark “${unknown}”.\n`)
    console.error(usage)
    return values.help ? 0 : 2
  }
  const reports: Report[] = []
  for (const name of names) {
    const bench = await benches[name]!()
    const figures = await bench.run((message) => console.error(`${name}: ${message}`))
    reports.push(makeReport(name, bench, figures))
  }
  if (values.json) console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2))
  else for (const report of reports) console.log(formatReport(report))
  if (values.write) writeFigures(reports)
  return 0
}

process.exitCode = await main()
