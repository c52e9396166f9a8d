// `node tools/setup.mjs`: makes a fresh clone ready to run; does nothing where it is.
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installPackages } from './installation.mjs'

const problem = installPackages(dirname(dirname(fileURLToPath(import.meta.url))))
if (problem !== undefined) {
  console.error(problem)
  process.exitCode = 1
}
