#!/usr/bin/env node
// The `spb` command: runs src/cli/main.ts under a Node that is new enough.
import { launch } from './launch.mjs'

/** Hides what Node says about its own experimental parts, and no other warning. */
function silenceExperimentalWarnings() {
  const emitWarning = process.emitWarning
  process.emitWarning = (warning, ...rest) => {
    const type = warning?.name === 'ExperimentalWarning' ? warning.name : (rest[0]?.type ?? rest[0])
    if (type !== 'ExperimentalWarning') emitWarning.call(process, warning, ...rest)
  }
}

await launch(import.meta.url, async () => {
  silenceExperimentalWarnings()
  await import('../src/cli/main.ts')
})
