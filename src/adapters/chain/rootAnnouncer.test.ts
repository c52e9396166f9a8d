import { afterEach, expect, test } from 'vitest'
import { bytesToHex } from '../../protocol/bytes.ts'
import { rootExtraOf, rootTextOf } from '../../protocol/rootText.ts'
import { RpcRefusal, startFakeRpc } from './fakeRpc.ts'
import { createRootAnnouncer } from './rootAnnouncer.ts'
import { connectRpc } from './rpcConnection.ts'

const root = bytesToHex(new Uint8Array(32).fill(0x9c))
let close: (() => Promise<unknown>) | undefined
afterEach(() => close?.())

/** A client that answers these methods and no others; what it was asked. */
async function openClient(answers: Record<string, unknown>) {
  const asked: [string, unknown[]][] = []
  const fake = await startFakeRpc((method, params) => {
    asked.push([method, params])
    if (!(method in answers)) throw new RpcRefusal(-32_601, 'no such method')
    return answers[method]
  })
  close = fake.close
  return { asked, announce: createRootAnnouncer(connectRpc({ url: fake.url })) }
}

test('hands text to geth', async () => {
  const { asked, announce } = await openClient({ miner_setExtra: true, eth_mining: true })
  expect(await announce(root)).toBe(true)
  expect(asked[0]).toEqual(['miner_setExtra', [rootTextOf(root)]])
})

test('hands bytes to a client that takes no text, nor says whether it makes blocks', async () => {
  const { asked, announce } = await openClient({ miner_setExtraData: true })
  expect(await announce(root)).toBe(true)
  expect(asked[1]).toEqual(['miner_setExtraData', [rootExtraOf(root)]])
})

test('says no for a client that makes no blocks', async () => {
  const { announce } = await openClient({ miner_setExtra: true, eth_mining: false })
  expect(await announce(root)).toBe(false)
})

test('asks a client that takes no roots again only now and then', async () => {
  const { asked, announce } = await openClient({})
  for (let at = 0; at < 65; at++) expect(await announce(root)).toBe(false)
  expect(asked).toHaveLength(2)
  expect(await announce(root)).toBe(false)
  expect(asked).toHaveLength(4)
})

test('does not take silence for a no', async () => {
  const announce = createRootAnnouncer(connectRpc({ url: 'http://127.0.0.1:1' }))
  await expect(announce(root)).rejects.toThrow()
})
