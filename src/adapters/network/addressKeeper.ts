import { type Multiaddr, multiaddr } from '@multiformats/multiaddr'
import type { Log } from '../../ports/log.ts'
import type { PeerId } from '../../ports/network.ts'
import { trafficLimits } from './trafficLimits.ts'

/** What a keeper works with. */
export type KeeperOptions = {
  self: PeerId
  log: Log
  /** Dials an address; tells whose it is. */
  dial(address: Multiaddr): Promise<PeerId>
  isConnected(peer: PeerId): boolean
}

type Kept = {
  address: Multiaddr
  peer: PeerId | undefined
  pauseMs: number
  isDialling: boolean
  timer: NodeJS.Timeout | undefined
}

/** Keeps connections to addresses: dials, and dials again with growing pauses. */
export class AddressKeeper {
  readonly #options: KeeperOptions
  readonly #kept = new Map<string, Kept>()
  #isRunning = false

  constructor(options: KeeperOptions) {
    this.#options = options
  }

  /** Keeps an address from now on; one that is kept, one's own or that is none changes nothing. */
  add(text: string): void {
    if (this.#kept.has(text)) return
    const { self, log } = this.#options
    const address = parseAddress(text)
    if (address === undefined) {
      log.warn({ address: text.slice(0, 64) }, 'This is no address of a peer.')
      return
    }
    const peer = peerOf(address)
    if (peer === self) return
    if (this.#kept.size >= trafficLimits.keptAddresses && !this.#dropOne()) {
      log.warn({ address: text }, 'Too many addresses are kept: this one is not.')
      return
    }
    const kept = {
      address,
      peer,
      pauseMs: trafficLimits.firstRedialMs,
      isDialling: false,
      timer: undefined,
    }
    this.#kept.set(text, kept)
    if (this.#isRunning) void this.#dial(kept)
  }

  start(): void {
    this.#isRunning = true
    for (const kept of this.#kept.values()) void this.#dial(kept)
  }

  stop(): void {
    this.#isRunning = false
    for (const kept of this.#kept.values()) clearTimeout(kept.timer)
  }

  /** Dials again where a peer was lost, after a pause. */
  noteLoss(peer: PeerId): void {
    for (const kept of this.#kept.values()) {
      if (kept.peer === peer && !kept.isDialling) this.#dialLater(kept)
    }
  }

  /** Pauses are short again for a peer with which it went well. */
  noteUse(peer: PeerId): void {
    for (const kept of this.#kept.values()) {
      if (kept.peer === peer) kept.pauseMs = trafficLimits.firstRedialMs
    }
  }

  async #dial(kept: Kept): Promise<void> {
    const { dial, isConnected } = this.#options
    if (!this.#isRunning || kept.isDialling) return
    if (kept.peer !== undefined && isConnected(kept.peer)) return
    kept.isDialling = true
    try {
      kept.peer = await dial(kept.address)
      // It may have been lost meanwhile.
      if (!isConnected(kept.peer)) this.#dialLater(kept)
    } catch (error) {
      this.#options.log.info(
        { address: kept.address.toString(), reason: String(error), againMs: kept.pauseMs },
        'A peer cannot be reached.',
      )
      this.#dialLater(kept)
    } finally {
      kept.isDialling = false
    }
  }

  #dialLater(kept: Kept): void {
    if (!this.#isRunning || kept.timer !== undefined) return
    kept.timer = setTimeout(() => {
      kept.timer = undefined
      void this.#dial(kept)
    }, kept.pauseMs)
    kept.pauseMs = Math.min(2 * kept.pauseMs, trafficLimits.lastRedialMs)
  }

  /** Makes room: the oldest address without a connection goes. */
  #dropOne(): boolean {
    for (const [text, kept] of this.#kept) {
      if (kept.peer !== undefined && this.#options.isConnected(kept.peer)) continue
      clearTimeout(kept.timer)
      return this.#kept.delete(text)
    }
    return false
  }
}

function parseAddress(text: string): Multiaddr | undefined {
  if (text.length > trafficLimits.addressLength) return undefined
  try {
    const address = multiaddr(text)
    return address.getComponents().some(({ name }) => name === 'tcp') ? address : undefined
  } catch {
    return undefined
  }
}

function peerOf(address: Multiaddr): PeerId | undefined {
  return address.getComponents().findLast(({ name }) => name === 'p2p')?.value
}
