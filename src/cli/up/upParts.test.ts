import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { dataFolderOf, makeFolder } from '../dataFolder.ts'
import { writeMarketRecord } from '../marketRecord.ts'
import { createTestCli } from '../testCli.cases.ts'
import { waitForChain } from './chainWait.ts'
import { createClosingStack } from './closingStack.ts'
import { listenForInterruption } from './interruption.ts'
import { nodeLogPath, openNodeLog } from './nodeLog.ts'
import { chainUrlFor } from './startChain.ts'
import type { UpOptions } from './upOptions.ts'

const refusal = (code: string) => expect.objectContaining({ code })

describe('the closing stack', () => {
  it('ends parts in the reverse order, whatever fails, and tells the first failure', async () => {
    const ended: string[] = []
    const stack = createClosingStack()
    stack.push(() => void ended.push('first'))
    stack.push(async () => {
      throw new Error('second')
    })
    stack.push(async () => void ended.push('third'))
    await expect(stack.close()).rejects.toThrow('second')
    expect(ended).toEqual(['third', 'first'])
    await stack.close()
    expect(ended).toHaveLength(2)
  })
})

describe('an interruption', () => {
  it('takes two signals at once for one wish, and a later one for impatience', async () => {
    let nowMs = 1000
    let impatient = 0
    const interruption = listenForInterruption(
      () => nowMs,
      () => impatient++,
    )
    process.emit('SIGINT', 'SIGINT')
    expect(await interruption.wanted).toBe('SIGINT')
    nowMs += 50
    process.emit('SIGINT', 'SIGINT')
    expect(impatient).toBe(0)
    nowMs += 5000
    process.emit('SIGTERM', 'SIGTERM')
    expect(impatient).toBe(1)
    interruption.dispose()
    expect(process.listenerCount('SIGTERM')).toBe(0)
  })
})

describe('waiting for the chain', () => {
  const unreachable = new SpbError('chain/unreachable', 'It does not answer.')

  it('tries again with a pause, and says so', async () => {
    const said: string[] = []
    let tries = 0
    const work = async () => {
      tries++
      if (tries === 1) throw unreachable
      return 'here'
    }
    const wait = { longestMs: 60_000, nowMs: () => 0, say: (line: string) => void said.push(line) }
    expect(await waitForChain(work, wait)).toBe('here')
    expect(said).toEqual(['It does not answer. Trying again in 0.5 s.'])
  })

  it('gives up when it took too long, and at once where waiting cannot help', async () => {
    const wait = { longestMs: 100, nowMs: () => 0, say: () => expect.fail('nothing to say') }
    const down = waitForChain(() => Promise.reject(unreachable), wait)
    await expect(down).rejects.toThrow(refusal('chain/unreachable'))
    const none = new SpbError('chain/no-contract')
    const wrong = waitForChain(() => Promise.reject(none), { ...wait, longestMs: 60_000 })
    await expect(wrong).rejects.toThrow(refusal('chain/no-contract'))
  })

  it('ends with the person’s patience', async () => {
    const abort = new AbortController()
    const wait = { longestMs: 60_000, nowMs: () => 0, say: () => abort.abort() }
    const waiting = waitForChain(() => Promise.reject(unreachable), {
      ...{ ...wait, signal: abort.signal },
    })
    await expect(waiting).rejects.toThrow('aborted')
  })
})

describe('which chain a node uses', () => {
  const [address, other] = [`0x${'52'.repeat(20)}`, `0x${'53'.repeat(20)}`] as const
  const options: UpOptions = {
    ...{ host: '127.0.0.1', port: 0, blockTimeSeconds: 1, manufacturers: [], terms: {} },
    chainWaitMs: 1000,
  }
  const url = 'http://127.0.0.1:8545'

  it('is the embedded one unless a client and its market are given', () => {
    const folder = dataFolderOf(createTestCli(), {})
    expect(chainUrlFor(folder, options)).toBeUndefined()
    expect(chainUrlFor(folder, { ...options, chainUrl: url, market: address })).toBe(url)
  })

  it('stays that of the folder’s market', () => {
    const folder = dataFolderOf(createTestCli(), {})
    writeMarketRecord(folder, { chainId: 1, address, deploymentBlock: 0, chainUrl: url })
    expect(chainUrlFor(folder, options)).toBe(url)
    expect(chainUrlFor(folder, { ...options, chainUrl: 'http://b' })).toBe('http://b')
    const another = () => chainUrlFor(folder, { ...options, chainUrl: url, market: other })
    expect(another).toThrow(refusal('store/wrong-market'))
    writeMarketRecord(folder, { chainId: 1, address, deploymentBlock: 0 })
    expect(() => chainUrlFor(folder, { ...options, chainUrl: url })).toThrow(
      refusal('store/wrong-market'),
    )
  })
})

describe('the node’s log', () => {
  it('keeps everything, and says what goes wrong once a minute', () => {
    const folder = dataFolderOf(createTestCli(), {})
    makeFolder(folder.node)
    const said: string[] = []
    let nowMs = 0
    const { log, close } = openNodeLog(
      folder,
      () => nowMs,
      (line) => void said.push(line),
    )
    log.info({}, 'quiet')
    log.warn({ code: 'chain/unreachable' }, 'down')
    log.warn({ code: 'chain/unreachable' }, 'down')
    nowMs = 61_000
    log.error({ code: 'chain/unreachable' }, 'down')
    close()
    expect(said).toEqual(['down', 'down'])
    const lines = readFileSync(nodeLogPath(folder), 'utf8').trim().split('\n')
    expect(lines.map((line) => JSON.parse(line).msg)).toEqual(['quiet', 'down', 'down'])
  })
})
