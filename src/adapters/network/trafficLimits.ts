/** Bounds of one network's traffic, apart from those of the port; docs/limits.md explains them. */
export const trafficLimits = {
  /** Published messages looked at together, of all peers and of one: others are ignored. */
  validating: 1_024,
  validatingPerPeer: 256,
  /** Time for which a published message is known again. */
  seenMs: 120_000,
  /** Published messages that a memory network knows again; then the oldest are forgotten. */
  seen: 65_536,
  /** Bytes of several published messages that come together. */
  gossipFrameBytes: 4 * 1024 * 1024,
  /** Published bytes that wait for one peer; then it is cut off. */
  gossipQueueBytes: 8 * 1024 * 1024,
  /** Direct messages and bytes of one peer a second, for a second at twice the rate: it waits. */
  messagesPerSecond: 4_000,
  bytesPerSecond: 32 * 1024 * 1024,
  /** Bytes that a peer may have on its way on one stream before they are read. */
  streamWindowBytes: 2 * 1024 * 1024,
  /** Time in which a peer must read something of what waits for it, or is cut off. */
  stalledMs: 30_000,
  /** Addresses to which a connection is kept. */
  keptAddresses: 256,
  addressLength: 256,
  /** Pauses between dials of an address: doubled from the first up to the last. */
  firstRedialMs: 500,
  lastRedialMs: 30_000,
  /** Time for one dial, and for an incoming connection to become a peer. */
  connectMs: 10_000,
  /** Connections of one host a second, and those that are being set up. */
  connectionsPerSecond: 32,
  pendingConnections: 32,
  /** Blame at which a peer is cut off. */
  blame: 10,
  /** Time in which blame fades to half. */
  blameHalfLifeMs: 60_000,
  /** Time for which a peer that was cut off is refused. */
  refusalMs: 300_000,
  /** Peers whose blame is remembered; beyond it the least blamed are forgotten. */
  blamedPeers: 4_096,
} as const
