import { parseArgs } from 'node:util'
import { formatFigures, formatReport } from './format.ts'
import { writeMarked } from './markedPage.ts'
import { type Bench, makeReport, type Report } from './report.ts'

/** Benchmarks by name; loaded when asked for. */
const benches: Record<string, () => Promise<Bench>> = {
  ledger: async () => (await import('./ledger.ts')).ledgerBench,
  gas: async () => (await import('./gas.ts')).gasBench,
  demo: async () => (await import('./demo.ts')).demoBench,
  meters: async () => (await import('./meters.ts')).metersBench,
  committee: async () => (await import('./committee.ts')).committeeBench,
  privacy: async () => (await import('./privacy.ts')).privacyBench,
}

const usage = `npm run bench -- [${Object.keys(benches).join('|')}]… [--json] [--write]

Without a name runs all. --json prints one JSON document; --write puts the figures into
docs/figures.md (those of privacy into docs/privacy.md), between its two markers, as they were
measured.`

/** The page that holds figures of benchmarks that name none. */
const figuresPage = 'docs/figures.md'

function writeFigures(measured: readonly { bench: Bench; report: Report }[]): void {
  const shared = measured.filter(({ bench }) => bench.page === undefined)
  if (shared.length > 0) {
    writeMarked(figuresPage, shared.map(({ report }) => formatFigures(report)).join('\n'))
  }
  for (const { bench, report } of measured) {
    if (bench.page !== undefined) writeMarked(bench.page.path, bench.page.format(report.figures))
  }
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
  const measured: { bench: Bench; report: Report }[] = []
  for (const name of names) {
    const bench = await benches[name]!()
    const figures = await bench.run((message) => console.error(`${name}: ${message}`))
    measured.push({ bench, report: makeReport(name, bench, figures) })
  }
  const reports = measured.map(({ report }) => report)
  if (values.json) console.log(JSON.stringify(reports.length === 1 ? reports[0] : reports, null, 2))
  else for (const report of reports) console.log(formatReport(report))
  if (values.write) writeFigures(measured)
  return 0
}

process.exitCode = await main()
