import { type Goal, isMet, type Report } from './report.ts'

/** A figure with as many digits as mean something. */
export function formatFigure(value: number): string {
  if (Number.isInteger(value)) return value.toLocaleString('en')
  const digits = Math.abs(value) >= 1_000 ? 0 : Math.abs(value) >= 10 ? 1 : 2
  return value.toLocaleString('en', { maximumFractionDigits: digits })
}

function formatGoal(goal: Goal | undefined): string {
  if (goal === undefined) return ''
  return 'most' in goal
    ? `at most ${formatFigure(goal.most)}`
    : `at least ${formatFigure(goal.least)}`
}

function describeMachine({ machine }: Report): string {
  return `${machine.cores} × ${machine.cpu}, ${machine.memoryGiB} GiB, ${machine.platform}`
}

function verdictOf(report: Report, name: string): string {
  const goal = report.goals[name]
  if (goal === undefined) return ''
  return isMet(report.figures[name], goal) ? 'met' : '**missed**'
}

/** A report for the terminal. */
export function formatReport(report: Report): string {
  const rows = Object.entries(report.figures).map(([name, value]) => {
    const goal = formatGoal(report.goals[name])
    const verdict = verdictOf(report, name).replaceAll('*', '')
    return `  ${name.padEnd(28)} ${formatFigure(value).padStart(14)}  ${goal} ${verdict}`.trimEnd()
  })
  const { versions, commit } = report
  return [
    `${report.bench}: ${report.about}`,
    `  ${describeMachine(report)}, Node ${versions.node}, ${commit}`,
    ...rows,
    '',
  ].join('\n')
}

function wrapWords(text: string, columns: number): string[] {
  const lines = ['']
  for (const word of text.split(' ')) {
    const line = lines.at(-1)!
    if (line !== '' && line.length + word.length >= columns) lines.push(word)
    else lines[lines.length - 1] = line === '' ? word : `${line} ${word}`
  }
  return lines
}

/** A report as a section of a Markdown page. */
export function formatFigures(report: Report): string {
  const { versions, commit, measuredAt } = report
  const rows = Object.entries(report.figures).map(([name, value]) => {
    const goal = formatGoal(report.goals[name])
    return `| \`${name}\` | ${formatFigure(value)} | ${goal} | ${verdictOf(report, name)} |`
  })
  return [
    `## ${report.bench}`,
    '',
    ...wrapWords(`${report.about[0]!.toUpperCase()}${report.about.slice(1)}.`, 110),
    '',
    `Measured ${measuredAt.slice(0, 10)} at commit ${commit} on ${describeMachine(report)},`,
    `Node ${versions.node}.`,
    '',
    '| figure | value | goal | |',
    '| --- | ---: | --- | --- |',
    ...rows,
    '',
  ].join('\n')
}
