/** What one runner's tests came to. `problems` says in words why `failed` is not 0. */
export type Verdict = {
  passed: number
  failed: number
  skipped: readonly string[]
  problems: readonly string[]
}

/** How a runner's process ended; `exitCode` is null where a signal or a missing file ended it. */
export type RunEnd = { exitCode: number | null; cause?: string; output: string }

/** A runner that counts its tests itself: what it found, before the process's end is looked at. */
type Count = { passed: number; failures: readonly string[]; skipped: readonly string[] }

const describeEnd = ({ exitCode, cause }: RunEnd): string =>
  cause ?? (exitCode === null ? 'was stopped by a signal' : `ended with exit code ${exitCode}`)

/**
 * Holds a count against the process's end: a crash, a failure that no test shows, or a run without
 * a single test is one failure more, so that silence never looks like success.
 */
function judgeCount(count: Count, end: RunEnd): Verdict {
  const problems = [...count.failures]
  if (end.exitCode !== 0 && problems.length === 0) {
    problems.push(`the runner ${describeEnd(end)}, although no test failed`)
  }
  if (end.exitCode === 0 && problems.length > 0) {
    problems.push('the runner ended with exit code 0, although tests failed')
  }
  if (count.passed === 0 && problems.length === 0) problems.push('not one test ran')
  return { passed: count.passed, failed: problems.length, skipped: count.skipped, problems }
}

const judgeUnparsable = (end: RunEnd, what: string): Verdict => ({
  passed: 0,
  failed: 1,
  skipped: [],
  problems: [`${what}; the runner ${describeEnd(end)}`],
})

/**
 * A checker with one verdict counts as one test. It passes with exit code 0 and only where its
 * output holds `proof` that it looked at something.
 */
export function judgeChecker(end: RunEnd, proof: RegExp): Verdict {
  if (end.exitCode !== 0) return judgeUnparsable(end, 'the check did not pass')
  if (!proof.test(end.output)) return judgeUnparsable(end, 'nothing shows that it checked anything')
  return { passed: 1, failed: 0, skipped: [], problems: [] }
}

const testLine = /^\[(PASS|FAIL|SKIP)(?::? ([^\n]*?))?\] (\w+\([^\n]*?\)|\w+)(?: \(|$)/
const suiteLine = /^Suite result: .* (\d+) passed; (\d+) failed; (\d+) skipped;/

/**
 * Counts Foundry's tests by its printed lines. (Its `--json` leaves out the comparison of gas
 * snapshots.) The lines of tests must agree with what each suite says of itself.
 */
export function judgeForge(end: RunEnd): Verdict {
  let suite = ''
  let passed = 0
  const failures: string[] = []
  const skipped: string[] = []
  const said = { passed: 0, failed: 0, skipped: 0 }
  const [results = ''] = end.output.split(/^Failing tests:$/m)
  for (const line of results.split('\n')) {
    suite = /^Ran \d+ tests? for (\S+)$/.exec(line)?.[1] ?? suite
    const [, status, reason, name] = testLine.exec(line) ?? []
    const title = `${suite} ${name}${reason ? `: ${reason}` : ''}`
    if (status === 'PASS') passed += 1
    if (status === 'FAIL') failures.push(title)
    if (status === 'SKIP') skipped.push(title)
    const totals = suiteLine.exec(line)?.slice(1).map(Number)
    said.passed += totals?.[0] ?? 0
    said.failed += totals?.[1] ?? 0
    said.skipped += totals?.[2] ?? 0
  }
  // A reason of several lines hides its test's line: then the suite's own count is the truth.
  while (failures.length < said.failed) failures.push('a test whose line could not be read')
  while (skipped.length < said.skipped) skipped.push('a test whose line could not be read')
  if (/^Error: Snapshots differ/m.test(end.output)) {
    failures.push('gas snapshots differ: renew them with forge test where the change is meant')
  }
  return judgeCount({ passed: Math.max(passed, said.passed), failures, skipped }, end)
}

type VitestFile = {
  name: string
  status: string
  message?: string
  assertionResults: { status: string; fullName: string }[]
}

function parseVitestFiles(json: string): VitestFile[] | undefined {
  try {
    const { testResults } = JSON.parse(json) as { testResults?: unknown }
    return Array.isArray(testResults) ? (testResults as VitestFile[]) : undefined
  } catch {
    return undefined
  }
}

/**
 * Counts vitest's tests by its JSON report (undefined: it wrote none). A file that fails without a
 * failing test, since it does not load or a hook throws, is one failure.
 */
export function judgeVitest(end: RunEnd, json: string | undefined): Verdict {
  const files = json === undefined ? undefined : parseVitestFiles(json)
  if (files === undefined) return judgeUnparsable(end, 'there is no readable report')
  let passed = 0
  const failures: string[] = []
  const skipped: string[] = []
  for (const file of files) {
    const failed = file.assertionResults.filter(({ status }) => status === 'failed')
    failures.push(...failed.map(({ fullName }) => `${file.name} ${fullName}`))
    if (file.status === 'failed' && failed.length === 0) {
      failures.push(
        `${file.name} fails outside its tests${file.message ? `: ${file.message}` : ''}`,
      )
    }
    for (const { status, fullName } of file.assertionResults) {
      if (status === 'passed') passed += 1
      else if (status !== 'failed') skipped.push(`${file.name} ${fullName}`)
    }
  }
  return judgeCount({ passed, failures, skipped }, end)
}

/** Adds verdicts up; no verdict at all is a failure. */
export function sumVerdicts(verdicts: readonly Verdict[]): Verdict {
  if (verdicts.length === 0) {
    return { passed: 0, failed: 1, skipped: [], problems: ['no runner ran'] }
  }
  return {
    passed: verdicts.reduce((sum, { passed }) => sum + passed, 0),
    failed: verdicts.reduce((sum, { failed }) => sum + failed, 0),
    skipped: verdicts.flatMap(({ skipped }) => skipped),
    problems: verdicts.flatMap(({ problems }) => problems),
  }
}

/** `12 passed, 0 failed`, with `, 1 skipped` after it where tests were skipped. */
export function formatTotals({ passed, failed, skipped }: Verdict): string {
  const totals = `${passed} passed, ${failed} failed`
  return skipped.length === 0 ? totals : `${totals}, ${skipped.length} skipped`
}
