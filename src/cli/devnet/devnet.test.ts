import { mkdtempSync, rmSync } from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { memberFolder, readDevnetRecord, writeDevnetRecord } from './devnetFolder.ts'
import { startDevnetNode, wordsOfNode } from './devnetNode.ts'
import { choosePorts, requireFreePorts } from './devnetPorts.ts'
import { readFaucetKey, shareFaucetKey } from './faucet.ts'

const folder = mkdtempSync(join(tmpdir(), 'spb-devnet-test-'))
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const market = `0x${'52'.repeat(20)}` as const
const refusal = (code: string) => expect.objectContaining({ code })

/** A port that somebody listens on while the work goes on. */
async function whileTaken(work: (port: number) => Promise<void>): Promise<void> {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  try {
    await work(typeof address === 'object' && address ? address.port : 0)
  } finally {
    await new Promise((resolve) => server.close(resolve))
  }
}

describe('the ports of a devnet', () => {
  it('come in a row, the members’ first, or are any free ones', async () => {
    const [first, second] = await choosePorts(2, 9_000)
    expect(first).toEqual({ api: 9_000, network: 9_002, rpc: 9_004, peer: 9_006 })
    expect(second).toEqual({ api: 9_001, network: 9_003, rpc: 9_005, peer: 9_007 })
    const free = (await choosePorts(2, 0)).flatMap((ports) => Object.values(ports))
    expect(new Set(free).size).toBe(8)
    await expect(choosePorts(4, 65_530)).rejects.toThrow(refusal('input/option'))
  })

  it('are refused where somebody else has one', () =>
    whileTaken(async (port) => {
      const ports = { api: 1, network: 1, rpc: 1, peer: 1 }
      const taken = [{ ...ports, ...Object.fromEntries(Object.keys(ports).map((k) => [k, port])) }]
      await expect(requireFreePorts(taken)).rejects.toThrow(refusal('node/port-in-use'))
    }))
})

describe('the folder of a devnet', () => {
  it('remembers what it holds', () => {
    expect(readDevnetRecord(folder)).toBeUndefined()
    const nodes = [{ api: 1, network: 2, rpc: 3, peer: 4 }]
    const record = { chain: 'geth' as const, chainId: 5, blockTimeSeconds: 1, nodes, market }
    writeDevnetRecord(folder, record)
    expect(readDevnetRecord(folder)).toEqual(record)
    writeDevnetRecord(folder, { ...record, chain: 'besu' as never })
    expect(() => readDevnetRecord(folder)).toThrow(refusal('input/shape'))
  })

  it('has one faucet for all its members', () => {
    const folders = [0, 1].map((at) => memberFolder(folder, at))
    expect(readFaucetKey(folders[1]!)).toBeUndefined()
    const faucetKey = shareFaucetKey(folders)
    expect(folders.map(readFaucetKey)).toEqual([faucetKey, faucetKey])
  })
})

describe('a member', () => {
  const options = {
    ...{ folder: memberFolder(folder, 7), chainUrl: 'http://127.0.0.1:1', market },
    ...{ peers: ['/ip4/127.0.0.1/tcp/9'], isNew: true, networkPort: 8, confirmations: 0 },
  }

  it('is “spb up” with its options', () => {
    const words = wordsOfNode({ ...options, apiPort: 5 }).join(' ')
    expect(words).toBe(
      `up --data ${options.folder.path} --chain http://127.0.0.1:1 --market ${market} --port 5 ` +
        '--listen /ip4/127.0.0.1/tcp/8 --peer /ip4/127.0.0.1/tcp/9 --first-start --confirmations 0',
    )
  })

  it('that does not start tells why', () =>
    whileTaken(async (apiPort) => {
      const { signal } = new AbortController()
      const started = startDevnetNode({ ...options, apiPort }, () => undefined, signal)
      await expect(started).rejects.toMatchObject({
        code: 'node/died',
        message: expect.stringContaining('node/port-in-use'),
      })
    }))
})
