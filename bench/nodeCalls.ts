import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { fakeKey, fakeMarket } from '../src/api/fakeNode.ts'
import { createNodeGateway } from '../src/cli/meter/nodeGateway.ts'
import type { Bytes32 } from '../src/protocol/bytes.ts'
import { signMessage } from '../src/protocol/signature.ts'
import { seconds, wh } from '../src/protocol/units.ts'
import { createNodeClient } from '../src/sdk/nodeClient.ts'
import { CpuTime } from './cpuTime.ts'

/** Processor seconds that one of a running meter's calls to its node costs the meter. */
export type NodeCallCosts = { stateSeconds: number; receiptSeconds: number }

const warmUpCalls = 200
const stateCalls = 1_000
const receiptCalls = 200

async function startNode(): Promise<{ url: string; ctpId: Bytes32; end(): Promise<void> }> {
  const script = new URL('./serveNode.ts', import.meta.url).pathname
  const child = spawn(process.execPath, [script], { stdio: ['pipe', 'pipe', 'inherit'] })
  const exit = once(child, 'exit')
  const [line] = (await Promise.race([once(child.stdout!, 'data'), exit])) as [unknown]
  return {
    ...JSON.parse(String(line)),
    async end() {
      child.stdin!.end()
      await exit
    },
  }
}

/** Measures a meter's calls over loopback HTTP, to a node in another process. */
export async function measureNodeCalls(): Promise<NodeCallCosts> {
  const { url, ctpId, end } = await startNode()
  const gateway = createNodeGateway(() => [createNodeClient({ url })])
  const erc = { ctpId, deliveredWh: wh(500), measuredAtSeconds: seconds(1_800_000_000) }
  const signed = { erc, signature: signMessage(fakeMarket, 'Erc', erc, fakeKey(3)) }
  const repeat = async (count: number, call: () => Promise<unknown>) => {
    for (let at = 0; at < count; at++) await call()
  }
  try {
    await repeat(warmUpCalls, () => gateway.stateOf(ctpId))
    await repeat(warmUpCalls, () => gateway.sendReceipt(signed))
    const [state, receipt] = [new CpuTime(), new CpuTime()]
    await state.countAsync(() => repeat(stateCalls, () => gateway.stateOf(ctpId)))
    await receipt.countAsync(() => repeat(receiptCalls, () => gateway.sendReceipt(signed)))
    return {
      stateSeconds: state.seconds / stateCalls,
      receiptSeconds: receipt.seconds / receiptCalls,
    }
  } finally {
    await end()
  }
}
