// Installs the packages of the lock file. Plain JavaScript: it must run on any Node from 18 on.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { delimiter, join, resolve } from 'node:path'
import {
  explainMissingNode,
  findPinnedNode,
  findSuitableNode,
  oldestHostNodeMajor,
  platformName,
  runningNodeMajor,
} from './pinnedNode.mjs'

const loadNativeBinding = `
try { require('secp256k1/bindings'); console.log('native') } catch { console.log('slow') }`

/** What the stamp in node_modules says when it holds the lock file's packages for this machine. */
function describeInstallation(root) {
  const lock = readFileSync(join(root, 'package-lock.json'))
  return `${createHash('sha256').update(lock).digest('hex')} ${platformName}\n`
}

/** Whether a person's own `npm ci` or `npm install` left exactly the lock file's packages. */
function isInstalledByHand(root) {
  const hidden = join(root, 'node_modules', '.package-lock.json')
  if (!existsSync(hidden)) return false
  const installed = JSON.parse(readFileSync(hidden, 'utf8')).packages
  const locked = JSON.parse(readFileSync(join(root, 'package-lock.json'), 'utf8')).packages
  return Object.entries(locked).every(
    ([path, { version, integrity, optional }]) =>
      path === '' ||
      (installed[path] === undefined
        ? optional === true
        : installed[path].version === version && installed[path].integrity === integrity),
  )
}

/** npm on the machine's own Node: the pinned one lies in the folder that npm is about to remove. */
function prepareNpm(root) {
  const ownBin = join(root, 'node_modules', '.bin')
  const folders = (process.env.PATH ?? process.env.Path ?? '').split(delimiter)
  const path = folders.filter((folder) => resolve(folder) !== ownBin).join(delimiter)
  const env = { ...process.env, PATH: path }
  const { npm_execpath: script, npm_node_execpath: node } = process.env
  if (script && node && /npm-cli\.js$/.test(script) && existsSync(script)) {
    return { command: node, leading: [script], env, shell: false }
  }
  return { command: 'npm', leading: [], env, shell: process.platform === 'win32' }
}

/** Runs `npm ci` and returns what it printed, with whether it failed. */
function runNpmCi(root) {
  const { command, leading, env, shell } = prepareNpm(root)
  const words = [
    ...leading,
    'ci',
    '--include=dev',
    '--include=optional',
    '--no-progress',
    '--loglevel=warn',
  ]
  const run = spawnSync(command, words, {
    cwd: root,
    env,
    shell,
    encoding: 'utf8',
    maxBuffer: 64 * 1024 * 1024,
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const printed = [run.stdout, run.stderr, run.error?.message].filter(Boolean).join('\n')
  return { isDone: run.status === 0, wasStopped: run.signal !== null, printed }
}

/** Notes on what works less well here, and the removal of a pinned Node that cannot start. */
function checkNativeParts(root) {
  const pinned = findPinnedNode(root)
  const node = findSuitableNode(root)
  const runs = (path) => spawnSync(path, ['--version'], { stdio: 'ignore' }).status === 0
  if (pinned !== undefined && !runs(pinned)) {
    // It stands first on PATH in every npm script, so it would break them all.
    rmSync(pinned)
    for (const name of ['node', 'node.cmd', 'node.ps1']) {
      rmSync(join(root, 'node_modules', '.bin', name), { force: true })
    }
    return checkNativeParts(root)
  }
  if (node === undefined) return []
  const found = spawnSync(node, ['-e', loadNativeBinding], { cwd: root, encoding: 'utf8' })
  if (found.stdout?.trim() === 'native') return []
  return [
    `Note: libsecp256k1 does not load on ${platformName}, so signatures are checked in ` +
      'JavaScript, about 25 times slower. Everything works.',
  ]
}

/** Makes node_modules hold the lock file's packages; the stamp is written only at the end. */
function installLocked(root) {
  const stamp = join(root, 'node_modules', '.spb-setup')
  const wanted = describeInstallation(root)
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return undefined
  if (!isInstalledByHand(root)) {
    rmSync(stamp, { force: true })
    process.stderr.write('Installing the packages that SPB needs, once: about a minute.\n')
    const npm = runNpmCi(root)
    if (!npm.isDone) {
      const what = npm.wasStopped ? 'npm ci was stopped.' : 'npm ci failed; its output is above.'
      return (
        `${npm.printed}\n${what}\nCheck network, disk space and npm itself (npm --version), ` +
        'then run the command again: it starts the installation anew.'
      )
    }
  }
  for (const note of checkNativeParts(root)) process.stderr.write(`${note}\n`)
  writeFileSync(stamp, wanted)
  return undefined
}

/**
 * Installs what the lock file names where that has not happened yet, and says one sentence on
 * stderr when it does. Does nothing where all is there.
 *
 * @returns an error text for the person, or undefined when SPB is ready to run
 */
export function installPackages(root) {
  if (runningNodeMajor < oldestHostNodeMajor) {
    return `SPB needs Node ${oldestHostNodeMajor} or newer to start; this is ${process.version}.`
  }
  // A package that was installed into another project has no lock file: npm did all already.
  const problem = existsSync(join(root, 'package-lock.json')) ? installLocked(root) : undefined
  if (problem !== undefined) return problem
  return findSuitableNode(root) === undefined ? explainMissingNode() : undefined
}
