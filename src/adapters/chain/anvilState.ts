import { closeSync, existsSync, openSync, readSync, statSync } from 'node:fs'
import { copyFile, open, rename } from 'node:fs/promises'
import { SpbError } from '../../protocol/spbError.ts'

const backupPathOf = (statePath: string) => `${statePath}.backup`
const freshPathOf = (statePath: string) => `${statePath}.fresh`

/** How a whole state file ends: with the list of old states, and the end of it all. */
const wholeEnd = ']}'

/** False for a file that was cut off while it was written. */
function isWhole(path: string): boolean {
  if (!existsSync(path)) return false
  const tail = Buffer.alloc(wholeEnd.length)
  const file = openSync(path, 'r')
  try {
    readSync(file, tail, 0, tail.length, Math.max(0, statSync(path).size - tail.length))
  } finally {
    closeSync(file)
  }
  return tail.toString() === wholeEnd
}

/** Puts a copy in the place of the file, which is either the old or the new one at any time. */
async function putInPlace(copy: string, path: string): Promise<void> {
  const file = await open(copy, 'r+')
  await file.sync().finally(() => file.close())
  await rename(copy, path)
}

/**
 * Copies the state for the case that anvil, which writes over it in place, is cut off by power
 * loss. A copy that was taken in the middle of writing is thrown away.
 */
export async function backUpState(statePath: string): Promise<void> {
  if (!isWhole(statePath)) return
  const fresh = freshPathOf(statePath)
  await copyFile(statePath, fresh)
  if (isWhole(fresh)) await putInPlace(fresh, backupPathOf(statePath))
}

/** Brings a state that was cut off back from its copy. Throws `store/corrupt` without one. */
export async function recoverState(statePath: string): Promise<void> {
  if (!existsSync(statePath) || isWhole(statePath)) return
  const backup = backupPathOf(statePath)
  if (!isWhole(backup)) {
    throw new SpbError('store/corrupt', 'The embedded chain’s state file is damaged.', {
      hint: 'Restore a backup of it, or begin a new market with another --data folder.',
      meta: { file: statePath },
    })
  }
  const fresh = freshPathOf(statePath)
  await copyFile(backup, fresh)
  await putInPlace(fresh, statePath)
}

/** Backs the state up every so often until `ended`; a failure leaves the last copy in place. */
export function keepBackups(
  statePath: string,
  intervalSeconds: number,
  ended: Promise<unknown>,
): void {
  let isRunning = false
  const timer = setInterval(async () => {
    if (isRunning) return
    isRunning = true
    await backUpState(statePath).catch(() => undefined)
    isRunning = false
  }, intervalSeconds * 1_000)
  timer.unref()
  ended.then(() => clearInterval(timer))
}
