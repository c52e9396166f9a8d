import { type GossipSub, type GossipsubOpts, gossipsub, StrictNoSign } from '@libp2p/gossipsub'
import { type Identify, identify } from '@libp2p/identify'
import type { ConnectionGater, Libp2p, PrivateKey } from '@libp2p/interface'
import { noise } from '@libp2p/noise'
import { tcp } from '@libp2p/tcp'
import { yamux } from '@libp2p/yamux'
import { createLibp2p } from 'libp2p'
import { networkLimits } from '../../ports/network.ts'
import { messageIdOf } from './seenMessages.ts'
import { trafficLimits } from './trafficLimits.ts'

/** A libp2p node as the network uses it. */
export type Libp2pNode = Libp2p<{ identify: Identify; gossip: GossipSub }>

/** What a libp2p node is made of. */
export type Libp2pNodeOptions = {
  privateKey: PrivateKey
  listen: string[]
  announce: string[]
  topic: string
  connectionGater: ConnectionGater
}

/** Makes a libp2p node that does not run yet: TCP, Noise, Yamux, gossipsub. */
export function createLibp2pNode(options: Libp2pNodeOptions): Promise<Libp2pNode> {
  const { privateKey, listen, announce, topic, connectionGater } = options
  return createLibp2p({
    start: false,
    privateKey,
    connectionGater,
    addresses: { listen, announce },
    // Small answers must not wait for further ones.
    transports: [tcp({ dialOpts: { noDelay: true }, listenOpts: { noDelay: true } })],
    connectionEncrypters: [noise()],
    streamMuxers: [
      yamux({
        streamOptions: {
          maxStreamWindowSize: trafficLimits.streamWindowBytes,
          // A stream that is not read fills its window before this, so it is never reset for it.
          maxReadBufferLength: 2 * trafficLimits.streamWindowBytes,
        },
        maxInboundStreams: 32,
        maxOutboundStreams: 32,
      }),
    ],
    connectionManager: {
      maxConnections: networkLimits.peers,
      inboundConnectionThreshold: trafficLimits.connectionsPerSecond,
      maxIncomingPendingConnections: trafficLimits.pendingConnections,
      dialTimeout: trafficLimits.connectMs,
      inboundUpgradeTimeout: trafficLimits.connectMs,
      reconnectRetries: 0,
      // No look-ups of names that hide other addresses.
      resolvers: {},
    },
    // A machine that is busy for seconds is not gone.
    connectionMonitor: { pingTimeout: { minTimeout: 10_000, maxTimeout: 30_000 } },
    services: { identify: identify(), gossip: gossipsub(gossipOptions(topic)) },
  })
}

function gossipOptions(topic: string): Partial<GossipsubOpts> {
  return {
    globalSignaturePolicy: StrictNoSign,
    // Each message says itself who vouches for it; equal bytes are one message, whoever sends them.
    msgIdFn: ({ data }) => messageIdOf(data),
    allowedTopics: [topic],
    allowPublishToZeroTopicPeers: true,
    ignoreDuplicatePublishError: true,
    fallbackToFloodsub: false,
    seenTTL: trafficLimits.seenMs,
    maxInboundStreams: 4,
    maxOutboundStreams: 4,
    maxInboundDataLength: trafficLimits.gossipFrameBytes,
    maxOutboundBufferSize: trafficLimits.gossipQueueBytes,
    decodeRpcLimits: {
      maxSubscriptions: 16,
      maxMessages: 512,
      maxIhaveMessageIDs: 5_000,
      maxIwantMessageIDs: 5_000,
      maxIdontwantMessageIDs: 512,
      maxControlMessages: 64,
      maxPeerInfos: 16,
    },
    scoreParams: {
      // Members may share a host.
      IPColocationFactorWeight: 0,
      // A slow machine breaks a promise now and then.
      behaviourPenaltyThreshold: 6,
      topics: {
        // Invalid messages count, silence does not: a market may be quiet for hours.
        [topic]: {
          topicWeight: 1,
          timeInMeshWeight: 0.01,
          timeInMeshQuantum: 1_000,
          timeInMeshCap: 3_600,
          firstMessageDeliveriesWeight: 0.01,
          firstMessageDeliveriesDecay: 0.5,
          firstMessageDeliveriesCap: 1_000,
          meshMessageDeliveriesWeight: 0,
          meshMessageDeliveriesDecay: 0.5,
          meshMessageDeliveriesCap: 100,
          meshMessageDeliveriesThreshold: 20,
          meshMessageDeliveriesWindow: 10,
          meshMessageDeliveriesActivation: 5_000,
          meshFailurePenaltyWeight: 0,
          meshFailurePenaltyDecay: 0.5,
          invalidMessageDeliveriesWeight: -1,
          invalidMessageDeliveriesDecay: 0.9,
        },
      },
    },
  }
}
