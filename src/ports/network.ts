/** A peer's name in the network, made from its transport key; at most 128 characters. */
export type PeerId = string

/** What is thought of a published message: pass it on, drop it, or drop it and blame its peer. */
export type PeerVerdict = 'accept' | 'ignore' | 'reject'

/** What a network tells its node. None of them may throw. */
export type NetworkHandlers = {
  /** A connection came up, or the last one to that peer went down. */
  onPeer(peer: PeerId, isConnected: boolean): void
  /** A message that a peer sent to this node alone. */
  onDirect(peer: PeerId, bytes: Uint8Array): void
  /** A published message, once however often it came; it is passed on only if accepted. */
  onPublished(peer: PeerId, bytes: Uint8Array): Promise<PeerVerdict>
}

/**
 * Other nodes of one market. Peers are authenticated by their transport keys; messages may be
 * lost, delayed and repeated, but those sent to one peer over one connection keep their order.
 *
 * Everything is bounded before it is allocated: docs/limits.md says by how much.
 */
export type Network = {
  /** This node's own name. */
  readonly self: PeerId
  /** Where this node can be reached; what others are given to `connect`. */
  addresses(): string[]
  /** Listens, and dials what `connect` named before. */
  start(handlers: NetworkHandlers): Promise<void>
  /** Keeps a connection to an address, dialling again with backoff; once more is no error. */
  connect(address: string): void
  /** Peers with a connection now. */
  peers(): PeerId[]
  /** Sends to one peer; false where it is dropped: no connection, or a full queue. */
  send(peer: PeerId, bytes: Uint8Array): boolean
  /** Sends to everyone of the market, by way of others where there is no connection. */
  publish(bytes: Uint8Array): void
  /** Blames a peer for a message: enough blame ends the connection for a while. */
  report(peer: PeerId, code: string): void
  close(): Promise<void>
}

/** Bounds that every network keeps. */
export const networkLimits = {
  /** Bytes of one message. */
  messageBytes: 1024 * 1024,
  /** Bytes that wait for one peer; then further ones to it are dropped. */
  queuedBytesPerPeer: 16 * 1024 * 1024,
  /** Connections at a time. */
  peers: 256,
} as const
