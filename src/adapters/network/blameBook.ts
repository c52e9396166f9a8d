import type { PeerId } from '../../ports/network.ts'
import { trafficLimits } from './trafficLimits.ts'

type Entry = { points: number; atMs: number; refusedUntilMs: number }

/** What peers are blamed for: points that fade, and a time of refusal for whoever has too many. */
export class BlameBook {
  readonly #nowMs: () => number
  readonly #entries = new Map<PeerId, Entry>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Adds a point; true where that is one too many, so that the peer is refused from now on. */
  blame(peer: PeerId): boolean {
    const nowMs = this.#nowMs()
    const before = this.#entries.get(peer)
    const points = before === undefined ? 1 : fadedPoints(before, nowMs) + 1
    // Half a point less, for what fades while they come one after the other.
    const isTooMuch = points > trafficLimits.blame - 0.5
    const refusedUntilMs = isTooMuch
      ? nowMs + trafficLimits.refusalMs
      : (before?.refusedUntilMs ?? 0)
    if (before === undefined && this.#entries.size >= trafficLimits.blamedPeers) {
      this.#forgetLeast(nowMs)
    }
    this.#entries.set(peer, { points: isTooMuch ? 0 : points, atMs: nowMs, refusedUntilMs })
    return isTooMuch
  }

  /** True while connections with a peer are refused. */
  isRefused(peer: PeerId): boolean {
    const entry = this.#entries.get(peer)
    return entry !== undefined && this.#nowMs() < entry.refusedUntilMs
  }

  /** A flood of names, each blamed once, must not push out one that is refused. */
  #forgetLeast(nowMs: number): void {
    let least: { peer: PeerId; weight: number } | undefined
    for (const [peer, entry] of this.#entries) {
      const refusalMs = Math.max(0, entry.refusedUntilMs - nowMs)
      const weight = fadedPoints(entry, nowMs) + refusalMs
      if (least === undefined || weight < least.weight) least = { peer, weight }
    }
    if (least !== undefined) this.#entries.delete(least.peer)
  }
}

function fadedPoints({ points, atMs }: Entry, nowMs: number): number {
  return points * 0.5 ** (Math.max(0, nowMs - atMs) / trafficLimits.blameHalfLifeMs)
}
