import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import type { Stream } from '@libp2p/interface'
import { multiaddr } from '@multiformats/multiaddr'
import { writeFrame } from '../../src/adapters/network/frameReader.ts'
import { createLibp2pNode, type Libp2pNode } from '../../src/adapters/network/libp2pNode.ts'
import { transportKeyOf } from '../../src/adapters/network/peerIdOf.ts'
import { topicOf } from '../../src/cli/up/openNetwork.ts'
import type { CommitteeProcesses, MemberProcess } from './committeeProcesses.ts'
import { until } from './committeeProcesses.ts'

const directProtocol = '/spb/direct/1'
const garbageBytes = 200
const garbageMessages = 1_000

/** Somebody who speaks libp2p, is no member, and does with SPB's messages what he wants. */
export type CommitteeProcessesStranger = {
  /** A stream on which a member takes direct messages. */
  callOn(member: MemberProcess): Promise<Stream>
  /** True while the member has not cut the connection. */
  isHeard(): boolean
  /** Publishes to everyone of the market. */
  publish(bytes: Uint8Array): void
  /** How many peers take what he publishes. */
  hearers(): number
  close(): Promise<void>
}

/** Comes under a name that nobody knows; what others send to him he reads, or never. */
export async function openCommitteeProcessesStranger(
  { facts }: CommitteeProcesses,
  isReading = true,
): Promise<CommitteeProcessesStranger> {
  const topic = topicOf(facts)
  const node: Libp2pNode = await createLibp2pNode({
    ...{ privateKey: transportKeyOf(randomBytes(32)), listen: [], announce: [], topic },
    connectionGater: {},
  })
  await node.handle(directProtocol, (stream) => (isReading ? stream.resume() : stream.pause()))
  await node.start()
  const { gossip } = node.services
  gossip.subscribe(topic)
  return {
    async callOn(member) {
      const { networkAddresses } = await member.client.status()
      const connection = await node.dial(multiaddr(networkAddresses![0]!))
      return await connection.newStream(directProtocol)
    },
    isHeard: () => node.getConnections().some(({ status }) => status === 'open'),
    publish: (bytes) => void gossip.publish(topic, bytes).catch(() => undefined),
    hearers: () => gossip.getSubscribers(topic).length,
    close: async () => {
      await node.stop()
    },
  }
}

/** What became of a flood: messages that were sent, and how often their sender was cut off. */
export type Flood = { sent: number; cuts: number }

/**
 * Sends a member 1,000 messages of garbage a second, half of them published, until told to end:
 * a thousand at once, and the next thousand a second later, or, cut off, under another name.
 */
export async function floodWithGarbage(
  committee: CommitteeProcesses,
  member: MemberProcess,
  signal: AbortSignal,
): Promise<Flood> {
  const flood: Flood = { sent: 0, cuts: 0 }
  while (!signal.aborted) {
    const stranger = await openCommitteeProcessesStranger(committee)
    try {
      const stream = await stranger.callOn(member)
      await until('the stranger is heard', stranger.hearers, (hearers) => hearers > 0)
      for (let nextMs = 0; stranger.isHeard() && !signal.aborted; ) {
        if (performance.now() >= nextMs) {
          nextMs = performance.now() + 1_000
          flood.sent += sendGarbage(stranger, stream)
        }
        await delay(10)
      }
      if (!stranger.isHeard()) flood.cuts++
    } finally {
      await stranger.close()
    }
  }
  return flood
}

function sendGarbage(stranger: CommitteeProcessesStranger, stream: Stream): number {
  for (let at = 0; at < garbageMessages; at += 2) {
    if (stream.status === 'open') stream.send(writeFrame(randomBytes(garbageBytes)))
    stranger.publish(randomBytes(garbageBytes))
  }
  return garbageMessages
}
