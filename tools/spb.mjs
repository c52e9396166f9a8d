#!/usr/bin/env node
// The `spb` command: makes sure of packages and Node, then runs src/cli/main.ts.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './installation.mjs'
import { findSuitableNode } from './pinnedNode.mjs'
import { runUnderNode } from './runUnderNode.mjs'

const script = fileURLToPath(import.meta.url)
const root = dirname(dirname(script))

/** Hides what Node says about its own experimental parts, and no other warning. */
function silenceExperimentalWarnings() {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = warning?.name === 'ExperimentalWarning' ? warning.name : (rest[0]?.type ?? rest[0])
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
}

const problem = installPackages(root)
const node = problem === undefined ? findSuitableNode(root) : undefined
if (problem !== undefined) {
  console.error(problem)
  process.exitCode = 1
} else if (node !== process.execPath) {
  process.exitCode = await runUnderNode(node, script, process.argv.slice(2))
} else {
  silenceExperimentalWarnings()
  await import(new URL('../src/cli/main.ts', import.meta.url))
}
