import { setTimeout as delay } from 'node:timers/promises'
import { SpbError } from '../../protocol/spbError.ts'
import { isAnvilOf } from './anvilRpc.ts'
import type { ClientEnd, ClientProcess } from './clientProcess.ts'

const longestStartMs = 20_000
const pollMs = 20

/** Waits until anvil answers. Rejects with what it printed where it ends or stays silent. */
export async function waitForAnvil(
  anvil: ClientProcess,
  port: number,
  chainId: number,
): Promise<void> {
  let end: ClientEnd | undefined
  anvil.ended.then((found) => {
    end = found
  })
  const deadline = Date.now() + longestStartMs
  while (Date.now() < deadline && end === undefined) {
    if (await isAnvilOf(port, chainId)) return
    await delay(pollMs)
  }
  if (end === undefined) await anvil.stop()
  const { output, exitCode } = end ?? { output: 'It did not answer in time.', exitCode: null }
  if (/address already in use/i.test(output)) {
    throw new SpbError('node/port-in-use', `Port ${port} is in use.`, { meta: { port } })
  }
  throw new SpbError('chain/died', `The embedded chain did not start: ${output.trim()}`, {
    meta: { exitCode },
  })
}
