import { execFileSync } from 'node:child_process'
import { arch, cpus, platform, totalmem } from 'node:os'
import { curveBackend } from '../src/protocol/signature.ts'

/** What a benchmark measured: numbers by name, units in the names. */
export type Figures = Record<string, number>

/** A benchmark's goals: the figure may not exceed `most`, or fall below `least`. */
export type Goal = { most: number } | { least: number }

/** A page of its own that figures go to, in a form of its own. */
export type FiguresPage = {
  /** From the repository's root. */
  path: string
  /** Depends on the figures alone, so that a test can compare it with the page. */
  format(figures: Figures): string
}

export type Bench = {
  /** One sentence: what is measured, and how. */
  about: string
  goals: Record<string, Goal>
  run(progress: (message: string) => void): Promise<Figures>
  /** docs/figures.md where left out. */
  page?: FiguresPage
}

export type Report = {
  bench: string
  about: string
  commit: string
  measuredAt: string
  machine: { cpu: string; cores: number; memoryGiB: number; platform: string }
  versions: { node: string; curve: string }
  figures: Figures
  goals: Record<string, Goal>
  missed: string[]
}

/** The commit that is measured, with a plus where the tree has changes; `unknown` without git. */
function readCommit(): string {
  try {
    const git = (...words: string[]) => execFileSync('git', words, { encoding: 'utf8' }).trim()
    const isChanged = git('status', '--porcelain', '--untracked-files=no') !== ''
    return git('rev-parse', '--short=12', 'HEAD') + (isChanged ? '+' : '')
  } catch {
    return 'unknown'
  }
}

/** Puts what a benchmark measured into the common form. */
export function makeReport(name: string, bench: Bench, figures: Figures): Report {
  const missed = Object.entries(bench.goals)
    .filter(([figure, goal]) => !isMet(figures[figure], goal))
    .map(([figure]) => figure)
  return {
    bench: name,
    about: bench.about,
    commit: readCommit(),
    measuredAt: new Date().toISOString(),
    machine: {
      cpu: cpus()[0]?.model.trim() ?? 'unknown',
      cores: cpus().length,
      memoryGiB: Math.round(totalmem() / 2 ** 30),
      platform: `${platform()} ${arch()}`,
    },
    versions: { node: process.version, curve: curveBackend },
    figures,
    goals: bench.goals,
    missed,
  }
}

/** True where a figure was measured and keeps to its goal. */
export function isMet(figure: number | undefined, goal: Goal): boolean {
  if (figure === undefined) return false
  return 'most' in goal ? figure <= goal.most : figure >= goal.least
}
