import { expect } from 'vitest'
import { type Bytes32, bytesToHex } from '../protocol/bytes.ts'
import { rootExtraOf } from '../protocol/rootText.ts'
import type { Chain } from './chain.ts'
import { refusalOf } from './chainWorld.ts'

/** A chain, and a way to have it go on by a block. */
export type HeaderWorld = {
  chain: Chain
  /** Waits for, or makes, a block; returns the number of a further one that stays. */
  nextBlock(): Promise<number>
  /** Whether the chain's client makes blocks and takes roots for them. */
  takesRoots: boolean
}

/** One thing that every implementation does with headers. */
export type HeaderCase = { name: string; run(world: HeaderWorld): Promise<void> }

const rootOf = (byte: number): Bytes32 => bytesToHex(new Uint8Array(32).fill(byte))

/** Blocks within which every proposer had its turn, and a block stays. */
const longestWait = 24

/** The number of a later block with these extra data; fails where none comes. */
async function awaitExtra({ chain, nextBlock }: HeaderWorld, root: Bytes32): Promise<number> {
  for (let at = 0; at < longestWait; at++) {
    const number = await nextBlock()
    const [header] = await chain.headers(number, number)
    if (header?.extra === rootExtraOf(root)) return number
  }
  throw new Error('No block names the root that was announced.')
}

/** What every implementation of `Chain` does with headers and roots. */
export const headerCases: readonly HeaderCase[] = [
  {
    name: 'tells headers of a range, in order, as its blocks are',
    async run({ chain, nextBlock }) {
      const first = await nextBlock()
      await nextBlock()
      const last = await nextBlock()
      const headers = await chain.headers(first, last)
      expect(headers.map(({ number }) => number)).toEqual(
        Array.from({ length: last - first + 1 }, (_, at) => first + at),
      )
      for (const { number, hash } of headers) {
        expect((await chain.blockAt(number))?.hash).toBe(hash)
      }
    },
  },
  {
    name: 'gives no headers for an empty range, and none of blocks that it lacks',
    async run({ chain }) {
      const { number } = await chain.head()
      expect(await chain.headers(number, number - 1)).toEqual([])
      const refusal = await refusalOf(chain.headers(number, number + 1_000))
      expect(refusal).toMatchObject({ code: 'chain/unreachable', isRetryable: true })
    },
  },
  {
    name: 'puts the newest announced root into the next header of its client, or says no',
    async run(world) {
      const { chain, takesRoots, nextBlock } = world
      expect(await chain.announceRoot(rootOf(0xa5))).toBe(takesRoots)
      if (!takesRoots) {
        const number = await nextBlock()
        const [header] = await chain.headers(number, number)
        expect(header).toMatchObject({ proposer: undefined })
        expect(header?.extra).not.toBe(rootExtraOf(rootOf(0xa5)))
        return
      }
      const first = await awaitExtra(world, rootOf(0xa5))
      // Control characters and the highest one are taken as they are.
      for (const byte of [0x00, 0xff]) {
        expect(await chain.announceRoot(rootOf(byte))).toBe(true)
        const next = await awaitExtra(world, rootOf(byte))
        const [one, other] = [await chain.headers(first, first), await chain.headers(next, next)]
        expect(one[0]?.proposer).toMatch(/^0x[0-9a-f]{40}$/)
        expect(other[0]?.proposer).toBe(one[0]?.proposer)
      }
    },
  },
]
