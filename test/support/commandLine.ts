import { type ChildProcess, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'

const main = fileURLToPath(new URL('../../src/cli/main.ts', import.meta.url))

/** Much more than any step takes on a machine that has nothing else to do. */
export const boundMs = 120_000

/** A command's one document. */
export type Json = Record<string, unknown>

/** A command that was run to its end. */
export type EndedCommand = { code: number | null; stdout: string; stderr: string }

/** A process that runs until it is stopped. */
export type StartedCommand = {
  child: ChildProcess
  /** What it wrote so far. */
  stdout(): string
  stderr(): string
  ended: Promise<number | null>
  /** Ctrl-C; resolves with the exit code. */
  stop(): Promise<number | null>
  /** `kill -9`. */
  kill(): Promise<number | null>
}

/** One that said that it runs, in its one document. */
export type LongCommand = StartedCommand & { ready: Json }

/** The command line in processes of its own, on a data folder of its own. */
export type CommandLine = {
  folder: string
  data: string
  /** A command that must succeed: its one document. */
  spb<Result = Json>(text: string): Promise<Result>
  /** A command that must fail: exit code and error code. `env` comes on top of the usual one. */
  fail(text: string, env?: NodeJS.ProcessEnv): Promise<[number | null, string]>
  /** A command as a person runs it, without `--json`. */
  run(text: string): Promise<EndedCommand>
  /** Starts a command that writes a document a line. */
  start(text: string, env?: NodeJS.ProcessEnv): StartedCommand
  /** Starts a command that runs on, and waits for its document. */
  startLong(text: string): Promise<LongCommand>
  /** Ends whatever still runs, and removes the folder. */
  close(): void
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.setEncoding('utf8')
  stream?.on('data', (chunk: string) => {
    text += chunk
  })
  return () => text
}

const endOf = (child: ChildProcess) =>
  new Promise<number | null>((resolve) => child.once('close', resolve))

const writeBigint = (_: string, value: unknown) =>
  typeof value === 'bigint' ? value.toString() : value

/** Looks again and again until something is so. */
export async function until<Found>(
  look: () => Found | Promise<Found>,
  isSo: (found: Found) => boolean,
): Promise<Found> {
  const endMs = Date.now() + boundMs
  for (;;) {
    const found = await look()
    if (isSo(found)) return found
    if (Date.now() > endMs) expect.fail(`still ${JSON.stringify(found, writeBigint)}`)
    await delay(200)
  }
}

/** Makes a command line with an empty data folder. */
export function openCommandLine(name: string): CommandLine {
  const folder = mkdtempSync(join(tmpdir(), `spb-${name}-`))
  const data = join(folder, 'data')
  const children = new Set<ChildProcess>()
  const env: NodeJS.ProcessEnv = {
    ...process.env,
    ...{ SPB_HOME: data, SPB_PASSWORD: 'correct horse', SPB_ACCOUNT: '', NO_COLOR: '1' },
    // Many short processes: each would compile the same files.
    NODE_COMPILE_CACHE: join(folder, 'compiled'),
  }
  function start(words: readonly string[], more: NodeJS.ProcessEnv = {}): StartedCommand {
    const child = spawn(process.execPath, [main, ...words], {
      ...{ cwd: folder, env: { ...env, ...more }, stdio: ['ignore', 'pipe', 'pipe'] },
    })
    children.add(child)
    child.once('exit', () => children.delete(child))
    const [stdout, stderr, ended] = [collect(child.stdout), collect(child.stderr), endOf(child)]
    const end = (signal: NodeJS.Signals) => {
      child.kill(signal)
      return ended
    }
    const [stop, kill] = [() => end('SIGINT'), () => end('SIGKILL')]
    return { child, stdout, stderr, ended, stop, kill }
  }
  const startJson = (text: string, more?: NodeJS.ProcessEnv) =>
    start([...text.split(' '), '--json'], more)
  async function finish({ ended, stdout, stderr }: StartedCommand): Promise<EndedCommand> {
    const code = await ended
    return { code, stdout: stdout(), stderr: stderr() }
  }
  return {
    ...{ folder, data },
    async spb<Result = Json>(text: string): Promise<Result> {
      const { code, stdout, stderr } = await finish(startJson(text))
      const shown = code === 0 ? '' : stdout
      expect({ text, code, stdout: shown, stderr }).toMatchObject({ code: 0 })
      return JSON.parse(stdout) as Result
    },
    async fail(text, more) {
      const { code, stdout } = await finish(startJson(text, more))
      const { error } = JSON.parse(stdout) as { error: { code: string; hint: string } }
      expect(error.hint).not.toBe('')
      return [code, error.code]
    },
    run: (text) => finish(start(text.split(' '))),
    start: startJson,
    async startLong(text) {
      const started = startJson(text)
      const { child, stdout, stderr, ended } = started
      const ready = await new Promise<Json>((resolve, reject) => {
        // Its one document is all that it writes there.
        child.stdout?.on('data', () => {
          if (!stdout().endsWith('}\n')) return
          const document = JSON.parse(stdout()) as Json
          if (document.error === undefined) resolve(document)
        })
        ended.then((code) => reject(new Error(`ended with ${code}: ${stderr()}${stdout()}`)))
      })
      return { ...started, ready }
    },
    close() {
      for (const child of children) child.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
