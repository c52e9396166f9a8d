import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'

const tools = join(import.meta.dirname, '..', '..', 'tools')

let root: string

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'spb-launch-'))
  cpSync(tools, join(root, 'tools'), { recursive: true })
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }')
  writeLock('1.0.0')
  mkdirSync(join(root, 'bin'))
  mkdirSync(join(root, 'src', 'cli'), { recursive: true })
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

/** A lock file with one package, which the stand-in for npm never installs. */
function writeLock(version: string) {
  const packages = { '': {}, 'node_modules/a': { version, integrity: `sha512-${version}` } }
  writeFileSync(join(root, 'package-lock.json'), JSON.stringify({ packages }))
}

/** Puts a stand-in for npm on PATH: it counts its calls and then does what `body` says. */
function writeNpm(body: string) {
  const path = join(root, 'bin', 'npm')
  writeFileSync(path, `#!/bin/sh\necho "$@" >> "${root}/calls"\n${body}\n`)
  chmodSync(path, 0o755)
}

const npmThatWorks = 'echo "npm warn EBADENGINE" >&2; mkdir -p node_modules'

function makeEnv() {
  const { npm_execpath: _, ...env } = process.env
  return { ...env, PATH: `${join(root, 'bin')}${delimiter}${process.env.PATH}` }
}

function run(script: string, ...words: string[]) {
  const path = join(root, 'tools', script)
  return spawnSync(process.execPath, [path, ...words], { env: makeEnv(), encoding: 'utf8' })
}

const countCalls = () =>
  existsSync(join(root, 'calls'))
    ? readFileSync(join(root, 'calls'), 'utf8').trim().split('\n').length
    : 0

describe('setup', () => {
  it('installs once, says one sentence and keeps npm’s noise to itself', () => {
    writeNpm(npmThatWorks)
    const first = run('setup.mjs')
    expect(first.status).toBe(0)
    expect(first.stdout).toBe('')
    expect(first.stderr).toContain('Installing the packages that SPB needs, once')
    expect(first.stderr).not.toContain('EBADENGINE')
    expect(run('setup.mjs')).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(countCalls()).toBe(1)
  })

  it('says where signatures are checked by slower code', () => {
    writeNpm(npmThatWorks)
    expect(run('setup.mjs').stderr).toContain('libsecp256k1 does not load')
  })

  it('installs again when the lock file changes, and not when only its time does', () => {
    writeNpm(npmThatWorks)
    run('setup.mjs')
    writeLock('1.0.0')
    run('setup.mjs')
    expect(countCalls()).toBe(1)
    writeLock('1.0.1')
    run('setup.mjs')
    expect(countCalls()).toBe(2)
  })

  it('takes what a person’s own npm ci installed', () => {
    writeNpm(npmThatWorks)
    mkdirSync(join(root, 'node_modules'))
    const lock = readFileSync(join(root, 'package-lock.json'))
    writeFileSync(join(root, 'node_modules', '.package-lock.json'), lock)
    expect(run('setup.mjs').status).toBe(0)
    expect(countCalls()).toBe(0)
  })

  it('shows npm’s output when it fails half-way, and starts anew the next time', () => {
    writeNpm('mkdir -p node_modules/half; echo "npm error ENOSPC" >&2; exit 1')
    const failed = run('setup.mjs')
    expect(failed.status).toBe(1)
    expect(failed.stderr).toContain('npm error ENOSPC')
    expect(failed.stderr).toContain('run the command again')
    writeNpm(npmThatWorks)
    expect(run('setup.mjs').status).toBe(0)
    expect(countCalls()).toBe(2)
  })

  it('says what to do when there is no npm', () => {
    const env = { PATH: join(root, 'bin') }
    const path = join(root, 'tools', 'setup.mjs')
    const failed = spawnSync(process.execPath, [path], { env, encoding: 'utf8' })
    expect(failed.status).toBe(1)
    expect(failed.stderr).toContain('npm --version')
  })
})

describe('the spb command', () => {
  const writeMain = (text: string) => writeFileSync(join(root, 'src', 'cli', 'main.ts'), text)

  beforeEach(() => writeNpm(npmThatWorks))

  it('passes arguments and exit code through', () => {
    writeMain('console.log(JSON.stringify(process.argv.slice(2))); process.exitCode = 3')
    const done = run('spb.mjs', 'ctp', '--json', 'a b')
    expect(done).toMatchObject({ status: 3, stdout: '["ctp","--json","a b"]\n' })
  })

  it('hides experimental warnings and no others', () => {
    writeMain(`
      process.emitWarning('one', 'ExperimentalWarning')
      process.emitWarning('two', { type: 'ExperimentalWarning' })
      process.emitWarning('three')`)
    run('setup.mjs')
    const { stderr } = run('spb.mjs')
    expect(stderr).toContain('Warning: three')
    expect(stderr).not.toContain('Experimental')
  })
})

describe('a script under another Node', () => {
  const start = (body: string) => {
    writeFileSync(join(root, 'inner.mjs'), body)
    writeFileSync(
      join(root, 'outer.mjs'),
      `import { runUnderNode } from './tools/runUnderNode.mjs'
       process.exitCode = await runUnderNode(process.execPath, './inner.mjs', ['x'])`,
    )
    return spawn(process.execPath, ['outer.mjs'], { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] })
  }

  it('passes arguments and exit code through', async () => {
    const child = start('process.exitCode = process.argv[2] === "x" ? 7 : 1')
    expect(await once(child, 'close')).toEqual([7, null])
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends with 128 plus the number of %s', async (signal, code) => {
    const child = start('console.log("ready"); setInterval(() => {}, 1000)')
    await once(child.stdout, 'data')
    child.kill(signal)
    expect(await once(child, 'close')).toEqual([code, null])
  })

  it('gets a signal exactly once', async () => {
    const child = start(`
      let count = 0
      process.on('SIGTERM', () => { count += 1; setTimeout(() => process.exit(count), 100) })
      console.log('ready')
      setInterval(() => {}, 1000)`)
    await once(child.stdout, 'data')
    child.kill('SIGTERM')
    expect(await once(child, 'close')).toEqual([1, null])
  })
})
