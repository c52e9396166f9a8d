import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { judgeChecker, judgeForge, judgeVitest, type RunEnd, type Verdict } from './testReport.ts'

/** One program of `npm test`. Runners of one stage run side by side. */
export type TestRunner = {
  name: string
  stage: number
  /** Shows what it prints at once; the others' output comes as a whole when their turn is. */
  isLive?: true
  run: (root: string, filters: readonly string[]) => Promise<RunnerResult>
}

/** What a runner printed, unless it went to the terminal at once, and its verdict. */
export type RunnerResult = { output: string; verdict: Verdict }

/** No runner may hang for longer: a stuck test must become a failure. */
const longestRunMs = 30 * 60 * 1000

type SpawnOptions = { root: string; isLive?: boolean; env?: Record<string, string> }

/** Runs a program to its end. Its output is kept, or goes to the terminal where it is live. */
function runProgram(command: string, words: readonly string[], options: SpawnOptions) {
  const bin = join(options.root, 'node_modules', '.bin')
  const PATH = `${bin}${delimiter}${process.env.PATH ?? ''}`
  const child = spawn(command, words, {
    cwd: options.root,
    env: { ...process.env, ...options.env, PATH },
    stdio: options.isLive ? ['ignore', 'inherit', 'inherit'] : ['ignore', 'pipe', 'pipe'],
    timeout: longestRunMs,
    killSignal: 'SIGKILL',
  })
  const chunks: Buffer[] = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (chunk: Buffer) => chunks.push(chunk))
  }
  return new Promise<RunEnd>((resolve) => {
    const end = (exitCode: number | null, cause?: string) =>
      resolve({ exitCode, output: Buffer.concat(chunks).toString(), ...(cause && { cause }) })
    child.once('error', (error) => end(null, `did not start: ${error.message}`))
    child.once('close', (exitCode, signal) => {
      end(exitCode, signal === null ? undefined : `was stopped by ${signal}`)
    })
  })
}

/** A checker of the repository that is a Node program and has one verdict. */
function makeChecker(
  name: string,
  stage: number,
  words: readonly [string, ...string[]],
  proof: RegExp,
): TestRunner {
  const run = async (root: string): Promise<RunnerResult> => {
    const [script, ...rest] = words
    const end = await runProgram(process.execPath, [join(root, script), ...rest], { root })
    return { output: end.output, verdict: judgeChecker(end, proof) }
  }
  return { name, stage, run }
}

/** The Foundry that npm brought for this platform, else one on PATH. */
function findForge(root: string): string {
  const platform = { x64: 'amd64', arm64: 'arm64' }[process.arch as string] ?? process.arch
  const name = `forge-${process.platform}-${platform}`
  const path = join(root, 'node_modules', '@foundry-rs', name, 'bin', 'forge')
  return existsSync(path) ? path : 'forge'
}

async function runForge(root: string, filters: readonly string[]): Promise<RunnerResult> {
  const words = ['test', '--color', 'never']
  if (filters.length > 0) words.push('--match-path', `{${filters.join(',')}}`)
  const env = { FORGE_SNAPSHOT_CHECK: 'true' }
  const end = await runProgram(findForge(root), words, { root, env })
  return { output: end.output, verdict: judgeForge(end) }
}

async function runVitest(root: string, filters: readonly string[]): Promise<RunnerResult> {
  const folder = mkdtempSync(join(tmpdir(), 'spb-test-'))
  try {
    const report = join(folder, 'report.json')
    const script = join(root, 'node_modules', 'vitest', 'vitest.mjs')
    const words = [
      'run',
      '--allowOnly=false',
      '--reporter=default',
      '--reporter=json',
      `--outputFile.json=${report}`,
      ...filters,
    ]
    const end = await runProgram(process.execPath, [script, ...words], { root, isLive: true })
    const json = existsSync(report)
      ? readFileSync(report, 'utf8').replaceAll(`${root}/`, '')
      : undefined
    return { output: '', verdict: judgeVitest(end, json) }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** All that `npm test` runs, fast things first. */
export const testRunners: readonly TestRunner[] = [
  makeChecker(
    'biome',
    0,
    ['node_modules/@biomejs/biome/bin/biome', 'ci', '--colors=off', '--error-on-warnings'],
    /Checked [1-9]\d* files/,
  ),
  makeChecker(
    'tsc',
    0,
    ['node_modules/typescript/bin/tsc', '-p', '.', '--diagnostics'],
    /Files:\s+[1-9]/,
  ),
  makeChecker(
    'knip',
    0,
    ['node_modules/knip/bin/knip.js', '--no-progress', '--duration'],
    /Total running time/,
  ),
  makeChecker('abi', 1, ['tools/buildAbi.mjs', '--check'], /^/),
  { name: 'forge', stage: 2, run: runForge },
  { name: 'vitest', stage: 2, isLive: true, run: runVitest },
]
