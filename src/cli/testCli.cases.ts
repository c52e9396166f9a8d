import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { PassThrough, Readable } from 'node:stream'
import { afterAll } from 'vitest'
import type { Cli } from './cli.ts'
import { runProgram } from './program.ts'

/** Surroundings of a test: nobody at a terminal, output kept, a folder of its own. */
export type TestCli = Cli & { out(): string; err(): string }

/** 15 June 2025, 15:06:40 UTC, in unix milliseconds. */
export const testNowMs = 1_750_000_000_000

const root = mkdtempSync(join(tmpdir(), 'spb-cli-'))
afterAll(() => rmSync(root, { recursive: true, force: true }))

function keep(): { stream: PassThrough; text(): string } {
  const stream = new PassThrough()
  const chunks: string[] = []
  stream.on('data', (chunk: Buffer) => chunks.push(chunk.toString()))
  return { stream, text: () => chunks.join('') }
}

/** Makes surroundings whose data folder is new. */
export function createTestCli(env: Record<string, string> = {}): TestCli {
  const cwd = mkdtempSync(join(root, 'home-'))
  const [stdout, stderr] = [keep(), keep()]
  return {
    ...{ cwd, stdout: stdout.stream, stderr: stderr.stream },
    env: { SPB_PASSWORD: 'secret', ...env },
    stdin: Readable.from([]),
    nowMs: () => testNowMs,
    out: stdout.text,
    err: stderr.text,
  }
}

/** Runs a command line in this process: exit code and what was printed. */
export async function runCli(
  cli: TestCli,
  line: string,
): Promise<{ code: number; out: string; err: string }> {
  const before = { out: cli.out().length, err: cli.err().length }
  const code = await runProgram(cli, line === '' ? [] : line.split(' '))
  // What was written reaches the listener in the next turn.
  await new Promise(setImmediate)
  return { code, out: cli.out().slice(before.out), err: cli.err().slice(before.err) }
}
