import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { dataFolderOf, makeFolder } from '../dataFolder.ts'
import { createTestCli } from '../testCli.cases.ts'
import {
  parseAnnouncedAddress,
  parseListenAddress,
  parsePeerAddress,
  readNetworkRecord,
  settleNetwork,
} from './networkRecord.ts'
import type { UpOptions } from './upOptions.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const options: UpOptions = {
  ...{ host: '127.0.0.1', port: 0, blockTimeSeconds: 1, manufacturers: [], terms: {} },
  chainWaitMs: 1000,
}
const peerId = '12D3KooWDpJ7As7BWAwRMfu1VU2WCqNjvq387JEYKDBj4kx6nXTN'
const listen = '/ip4/127.0.0.1/tcp/8700'
const peer = `/ip4/203.0.113.7/tcp/8700/p2p/${peerId}`

describe('an address', () => {
  it.each(['/ip4/0.0.0.0/tcp/0', '/ip6/::/tcp/8700'])('to listen at may be %s', (text) => {
    expect(parseListenAddress(text)).toBe(text)
  })

  it.each([peer, listen, '/dns4/node.example.org/tcp/8700'])('of a node may be %s', (text) => {
    expect(parsePeerAddress(text)).toBe(text)
  })

  const strange = ['', '127.0.0.1:8700', '/ip4/300.0.0.1/tcp/1', '/ip4/127.0.0.1', '/tcp/1']
  const others = [`/ip4/1.2.3.4/udp/1/p2p/${peerId}`, `${peer}/p2p-circuit`]
  it.each([...strange, ...others])('is not “%s”', (text) => {
    expect(() => parsePeerAddress(text)).toThrow(refusal('input/option'))
    expect(() => parseListenAddress(text)).toThrow(refusal('input/option'))
  })

  it('to announce may have a name, and names no node', () => {
    expect(parseAnnouncedAddress('/dns4/node.example.org/tcp/1')).toContain('example')
    expect(() => parseAnnouncedAddress(peer)).toThrow(refusal('input/option'))
  })

  it('to listen at names no other node, and no name that has to be looked up', () => {
    expect(() => parseListenAddress(peer)).toThrow(refusal('input/option'))
    expect(() => parseListenAddress('/dns4/localhost/tcp/1')).toThrow(refusal('input/option'))
  })
})

describe('how a folder’s node meets others', () => {
  const newFolder = () => dataFolderOf(createTestCli(), {})

  it('is not at all unless somebody asks for it', () => {
    const folder = newFolder()
    expect(settleNetwork(folder, options)).toBeUndefined()
    expect(readNetworkRecord(folder)).toBeUndefined()
  })

  it('is as the last time, but for what is given anew', () => {
    const folder = newFolder()
    const first = { listen: [listen], announce: [], peers: [] }
    expect(settleNetwork(folder, { ...options, listen: [listen] })).toEqual(first)
    expect(settleNetwork(folder, options)).toEqual(first)
    expect(settleNetwork(folder, { ...options, peers: [peer] })).toEqual({
      ...{ listen: [listen], announce: [], peers: [peer] },
    })
    const moved = '/ip4/127.0.0.1/tcp/8701'
    settleNetwork(folder, { ...options, listen: [moved] })
    const announce = ['/dns4/node.example.org/tcp/8701']
    settleNetwork(folder, { ...options, announce })
    expect(settleNetwork(folder, options)).toEqual({ listen: [moved], announce, peers: [peer] })
  })

  it('is refused where it names too many, or its file was spoilt', () => {
    const folder = newFolder()
    const peers = Array.from({ length: 65 }, () => peer)
    expect(() => settleNetwork(folder, { ...options, peers })).toThrow(refusal('input/too-large'))
    makeFolder(folder.node)
    const path = join(folder.node, 'network.json')
    writeFileSync(path, '{"listen":["x"],"announce":[],"peers":[]}')
    expect(() => settleNetwork(folder, options)).toThrow(refusal('input/option'))
    writeFileSync(path, '{"listen":[1],"announce":[],"peers":[]}')
    expect(() => settleNetwork(folder, options)).toThrow(refusal('input/shape'))
    settleNetwork(newFolder(), { ...options, listen: [listen] })
    expect(readFileSync(path, 'utf8')).toContain('[1]')
  })
})
