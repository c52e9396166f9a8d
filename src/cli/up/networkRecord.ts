import { join } from 'node:path'
import { multiaddr } from '@multiformats/multiaddr'
import { decodeList, decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type DataFolder, readJsonFile, writeJsonFile } from '../dataFolder.ts'
import type { UpOptions } from './upOptions.ts'

/** How a folder's node meets others; multiaddresses. */
export type NetworkRecord = {
  /** Where it listens. */
  listen: string[]
  /** Where it says that it is reached; as the operating system says where empty. */
  announce: string[]
  /** Whom it calls. */
  peers: string[]
}

const mostAddresses = 64
const hosts = ['ip4', 'ip6']
const hostNames = ['dns', 'dns4', 'dns6']

const pathOf = ({ node }: DataFolder): string => join(node, 'network.json')

/** Checks the parts of a multiaddress: a host of these kinds, TCP, and what may follow. */
function checkAddress(text: string, hostKinds: readonly string[], isPeer: boolean): void {
  const hint = isPeer
    ? 'Write it as the other node printed it: /ip4/203.0.113.7/tcp/8700/p2p/12D3…'
    : 'Write it like /ip4/0.0.0.0/tcp/8700.'
  const refusal = (cause?: unknown) => {
    return new SpbError('input/option', `“${text}” is no address of a node.`, { hint, cause })
  }
  let parts: string[]
  try {
    parts = multiaddr(text)
      .getComponents()
      .map(({ name }) => name)
  } catch (cause) {
    throw refusal(cause)
  }
  const [host = '', transport, ...rest] = parts
  const isEnd = rest.length === 0 || (isPeer && rest.length === 1 && rest[0] === 'p2p')
  if (!hostKinds.includes(host) || transport !== 'tcp' || !isEnd) throw refusal()
}

/** An address to listen at, such as `/ip4/0.0.0.0/tcp/8700`. Throws `input/option`. */
export function parseListenAddress(text: string): string {
  checkAddress(text, hosts, false)
  return text
}

/** Another node's address; `/p2p/…` at its end says who must answer. Throws `input/option`. */
export function parsePeerAddress(text: string): string {
  checkAddress(text, [...hosts, ...hostNames], true)
  return text
}

/** An address by which others reach this node, without its peer id. Throws `input/option`. */
export function parseAnnouncedAddress(text: string): string {
  checkAddress(text, [...hosts, ...hostNames], false)
  return text
}

function decodeAddresses(value: unknown, parse: (text: string) => string): string[] {
  return decodeList(value, mostAddresses, 'addresses', (each) => {
    if (typeof each !== 'string') throw new SpbError('input/shape', 'An address is not text.')
    return parse(each)
  })
}

/** What a folder's node did last; undefined where it met nobody. Throws `input/*`. */
export function readNetworkRecord(folder: DataFolder): NetworkRecord | undefined {
  const json = readJsonFile(pathOf(folder))
  if (json === undefined) return undefined
  const names = ['listen', 'announce', 'peers']
  const { listen, announce, peers } = decodeObject(json, names, 'network record')
  return {
    listen: decodeAddresses(listen, parseListenAddress),
    announce: decodeAddresses(announce, parseAnnouncedAddress),
    peers: decodeAddresses(peers, parsePeerAddress),
  }
}

/**
 * How the folder's node is to meet others: as it was asked for now, what was left out as the last
 * time. Undefined where nobody ever asked for it. What is new is kept for later starts.
 *
 * Throws `input/*`, `store/failed`.
 */
export function settleNetwork(folder: DataFolder, options: UpOptions): NetworkRecord | undefined {
  const before = readNetworkRecord(folder)
  const { listen, announce, peers } = options
  if ([listen, announce, peers].every((given) => given === undefined)) return before
  const record = {
    listen: [...(listen ?? before?.listen ?? [])],
    announce: [...(announce ?? before?.announce ?? [])],
    peers: [...(peers ?? before?.peers ?? [])],
  }
  if (Object.values(record).some(({ length }) => length > mostAddresses)) {
    throw new SpbError('input/too-large', `At most ${mostAddresses} addresses are given of a kind.`)
  }
  writeJsonFile(pathOf(folder), record)
  return record
}
