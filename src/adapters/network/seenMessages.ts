import { createHash } from 'node:crypto'
import { trafficLimits } from './trafficLimits.ts'

/** A published message's name: the SHA-256 of its bytes. */
export function messageIdOf(bytes: Uint8Array): Buffer {
  return createHash('sha256').update(bytes).digest()
}

/** Which published messages came lately, so that each counts once. */
export class SeenMessages {
  readonly #nowMs: () => number
  readonly #seen = new Map<string, number>()

  constructor(nowMs: () => number) {
    this.#nowMs = nowMs
  }

  /** Remembers a message; false where it was known. */
  add(bytes: Uint8Array): boolean {
    const nowMs = this.#nowMs()
    this.#forgetOld(nowMs)
    const id = messageIdOf(bytes).toString('base64')
    if (this.#seen.has(id)) return false
    this.#seen.set(id, nowMs + trafficLimits.seenMs)
    return true
  }

  #forgetOld(nowMs: number): void {
    // In order of insertion, hence of age.
    for (const [id, endMs] of this.#seen) {
      if (endMs > nowMs && this.#seen.size < trafficLimits.seen) return
      this.#seen.delete(id)
    }
  }
}
