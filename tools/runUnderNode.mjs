// Runs a script under another Node. Plain JavaScript: it must run on any Node from 18 on.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import { delimiter, dirname } from 'node:path'

/** Signals that a terminal sends to the whole group, so the child has them already. */
const terminalSignals = ['SIGINT', 'SIGHUP']

/**
 * Runs `script` with `words` under the Node at `node` and resolves to its exit code: 128 plus the
 * signal's number where a signal ended it. It shares the terminal, and gets each signal once.
 */
export function runUnderNode(node, script, words) {
  // Programs that it starts by the name `node` shall find the same one.
  const PATH = `${dirname(node)}${delimiter}${process.env.PATH ?? process.env.Path ?? ''}`
  const child = spawn(node, [script, ...words], {
    stdio: 'inherit',
    env: { ...process.env, PATH },
  })
  const isOnTerminal = [process.stdin, process.stdout, process.stderr].some((s) => s.isTTY)
  for (const signal of [...terminalSignals, 'SIGTERM']) {
    const isDelivered = isOnTerminal && terminalSignals.includes(signal)
    process.on(signal, () => {
      if (!isDelivered) child.kill(signal)
    })
  }
  return new Promise((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code, signal) => {
      resolve(signal === null ? code : 128 + constants.signals[signal])
    })
  })
}
