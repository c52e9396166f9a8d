import { setTimeout as delay } from 'node:timers/promises'
import type { BlockHeader } from '../../ports/chain.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { rootExtraOf } from '../../protocol/rootText.ts'
import type { ProofView } from '../../protocol/views.ts'

/** Where proofs and headers come from. */
export type MembershipSources = {
  /** A proof against the node's present root. */
  readProof(): Promise<ProofView>
  readHead(): Promise<number>
  readHeaders(from: number, to: number): Promise<BlockHeader[]>
  nowMs(): number
}

/** A proof, and the newest lasting block that names its root; undefined where none was seen. */
export type FoundMembership = { view: ProofView; header: BlockHeader | undefined }

/** Blocks that are looked through for roots of before. */
const pastBlocks = 32
/** Clients that make blocks at the same time replace the last ones. */
const replaceableBlocks = 3
/** Roots of which proofs are kept meanwhile. */
const mostRoots = 256
const pollMs = 200

/**
 * Waits until a block names a root at which the node gave a proof. A root is in the next block of
 * its node's client; what the node says meanwhile is kept, since its root changes with each CTP.
 */
export async function findMembership(
  { readProof, readHead, readHeaders, nowMs }: MembershipSources,
  longestMs: number,
): Promise<FoundMembership> {
  const views = new Map<Hex, ProofView>()
  const endMs = nowMs() + longestMs
  let next = Math.max(0, (await readHead()) - pastBlocks)
  for (;;) {
    const view = await readProof()
    views.set(rootExtraOf(view.root), view)
    if (views.size > mostRoots) views.delete(views.keys().next().value!)
    const last = (await readHead()) - replaceableBlocks
    if (last >= next) {
      const headers = await readHeaders(next, last)
      const header = headers.findLast(({ extra }) => views.has(extra))
      if (header !== undefined) return { view: views.get(header.extra)!, header }
      next = last + 1
    }
    if (nowMs() >= endMs) return { view, header: undefined }
    await delay(pollMs)
  }
}
