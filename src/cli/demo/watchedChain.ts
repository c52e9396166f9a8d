import type { Chain } from '../../ports/chain.ts'

/** A chain port that knows which settlements are under way. */
export type WatchedChain = Chain & {
  /** Resolves when no settlement is being sent. */
  sendingDone(): Promise<void>
  /** Settlements that wait for a block. */
  waitingCount(): number
  /** Says that a block was made, which took in all that waited. */
  noteBlock(): void
}

/** Watches a node's settlements, so that blocks can be made when they are there, not in between. */
export function watchChain(chain: Chain): WatchedChain {
  const sending = new Set<Promise<unknown>>()
  let waiting = 0
  return {
    ...chain,
    sendSettlement(call) {
      const sent = chain.sendSettlement(call)
      const noted = sent.then(
        () => {
          waiting++
          sending.delete(noted)
        },
        () => void sending.delete(noted),
      )
      sending.add(noted)
      return sent
    },
    async sendingDone() {
      while (sending.size > 0) await Promise.all(sending)
    },
    waitingCount: () => waiting,
    noteBlock() {
      waiting = 0
    },
  }
}
