import { parseArgs } from 'node:util'
import { formatTotals, sumVerdicts, type Verdict } from './testReport.ts'
import { type RunnerResult, type TestRunner, testRunners } from './testRunners.ts'

const usage = `npm test                      everything
npm test -- --only NAME       one runner: ${testRunners.map(({ name }) => name).join(', ')}
npm test -- PATH…             vitest on the files whose path holds PATH;
                              a path that ends with .sol goes to forge`

type Plan = { runner: TestRunner; filters: readonly string[] }

/** What the arguments ask for; a text for the person where they are not understood. */
function planRuns(words: readonly string[]): Plan[] | string {
  const { values, positionals } = parseArgs({
    args: [...words],
    allowPositionals: true,
    options: { only: { type: 'string', multiple: true }, help: { type: 'boolean' } },
  })
  if (values.help) return usage
  const solidity = positionals.filter((path) => path.endsWith('.sol'))
  const others = positionals.filter((path) => !path.endsWith('.sol'))
  const filtersByName: Record<string, readonly string[]> = { forge: solidity, vitest: others }
  const wanted =
    values.only ?? Object.keys(filtersByName).filter((name) => filtersByName[name]?.length)
  const stranger = wanted.find((name) => testRunners.every((runner) => runner.name !== name))
  if (stranger !== undefined) return `There is no runner "${stranger}".\n\n${usage}`
  return testRunners
    .filter(({ name }) => wanted.length === 0 || wanted.includes(name))
    .map((runner) => ({ runner, filters: filtersByName[runner.name] ?? [] }))
}

/** Runs one runner; whatever it throws is a failure of that runner, not the end of the run. */
async function runGuarded({ runner, filters }: Plan, root: string): Promise<RunnerResult> {
  try {
    return await runner.run(root, filters)
  } catch (error) {
    const problems = [`the runner crashed: ${error instanceof Error ? error.message : error}`]
    return { output: '', verdict: { passed: 0, failed: 1, skipped: [], problems } }
  }
}

/** Runs one runner and prints how it went: one line, and its output where something failed. */
async function reportRun(plan: Plan, root: string, previous: Promise<unknown>): Promise<Verdict> {
  const startedMs = performance.now()
  const { output, verdict } = await runGuarded(plan, root)
  const seconds = ((performance.now() - startedMs) / 1000).toFixed(1)
  // Outputs must not mix: wait until the runner before this one has had its say.
  await previous
  const { name } = plan.runner
  if (verdict.failed > 0 && output !== '') console.log(`\n${output.trimEnd()}\n`)
  console.log(`${name.padEnd(8)}${formatTotals(verdict)}  (${seconds} s)`)
  return { ...verdict, problems: verdict.problems.map((problem) => `${name}: ${problem}`) }
}

/** Runs all plans of one stage side by side; the one that prints at once has its say first. */
async function runStage(plans: readonly Plan[], root: string): Promise<Verdict[]> {
  const liveFirst = [...plans].sort((a, b) => Number(!a.runner.isLive) - Number(!b.runner.isLive))
  const reports: Promise<Verdict>[] = []
  for (const plan of liveFirst) {
    reports.push(reportRun(plan, root, reports.at(-1) ?? Promise.resolve()))
  }
  return Promise.all(reports)
}

/**
 * The one front door of the tests: runs what `words` ask for under `root`, prints failures and
 * skipped tests by name, and ends with the line `N passed, N failed`.
 *
 * @returns the exit code: 0 when all passed, 1 when something failed, 2 for wrong arguments
 */
export async function runTests(root: string, words: readonly string[]): Promise<number> {
  let plans: Plan[] | string
  try {
    plans = planRuns(words)
  } catch (error) {
    plans = `${error instanceof Error ? error.message : error}\n\n${usage}`
  }
  if (typeof plans === 'string') {
    console.log(plans)
    return plans === usage ? 0 : 2
  }
  const verdicts: Verdict[] = []
  for (const stage of new Set(plans.map(({ runner }) => runner.stage))) {
    const ofStage = plans.filter(({ runner }) => runner.stage === stage)
    verdicts.push(...(await runStage(ofStage, root)))
  }
  const total = sumVerdicts(verdicts)
  if (total.problems.length > 0) console.log(`\nFailed:\n  ${total.problems.join('\n  ')}`)
  if (total.skipped.length > 0) console.log(`\nSkipped:\n  ${total.skipped.join('\n  ')}`)
  console.log(`\n${formatTotals(total)}`)
  return total.failed === 0 ? 0 : 1
}
