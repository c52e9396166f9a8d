// The start of every command. Plain JavaScript: it must run on any Node from 18 on.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './installation.mjs'
import { findSuitableNode } from './pinnedNode.mjs'
import { runUnderNode } from './runUnderNode.mjs'

/**
 * Makes sure of packages and Node, then calls `run` with the project's folder: in this process
 * where its Node is new enough, else the script at `scriptUrl` starts anew under a suitable one.
 * What a number-valued `run` returns becomes the exit code.
 */
export async function launch(scriptUrl, run) {
  const script = fileURLToPath(scriptUrl)
  const root = dirname(dirname(script))
  const problem = installPackages(root)
  if (problem !== undefined) {
    console.error(problem)
    process.exitCode = 1
    return
  }
  const node = findSuitableNode(root)
  const isHere = node === process.execPath
  const result = isHere ? await run(root) : await runUnderNode(node, script, process.argv.slice(2))
  if (typeof result === 'number') process.exitCode = result
}
