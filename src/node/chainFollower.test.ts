import { describe, expect, it } from 'vitest'
import { openLedger } from '../../test/support/syncFixture.ts'
import type { BlockRef, Chain } from '../ports/chain.ts'
import { zeroBytes32 } from '../protocol/bytes.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds } from '../protocol/units.ts'
import { followChain } from './chainFollower.ts'

/** A chain above what a ledger confirmed, that notes which headers were asked for. */
function openChain(headNumber: number, fail?: Error) {
  const state = openLedger()
  const known = state.confirmed!
  const blockAt = (number: number): BlockRef =>
    number === known.number
      ? known
      : { number, hash: `0x${number.toString(16).padStart(64, '0')}`, timeSeconds: seconds(9) }
  const asked: [number, number][] = []
  const chain: Chain = {
    head: async () => blockAt(headNumber),
    blockAt: async (number) => blockAt(number),
    events: async () => [],
    accounts: async () => [],
    committee: async () => ({ members: [], endedAtSeconds: seconds(0) }),
    currentEpoch: async () => 1,
    headers: async (from, to) => {
      asked.push([from, to])
      if (fail !== undefined) throw fail
      const { hash } = blockAt(to)
      return [{ number: to, hash, proposer: undefined, extra: '0x' }]
    },
    announceRoot: async () => false,
    sendSettlement: async () => zeroBytes32,
    outcomeOf: async () => ({ status: 'pending' }),
  }
  const look = async () => {
    const finding = await followChain(chain, state, 0)
    if (finding.kind !== 'update') throw new Error('The chain was reorganised.')
    return finding.update
  }
  return { state, asked, look }
}

describe('headers of an update', () => {
  it('are those after the last head', async () => {
    const { asked, look } = openChain(12)
    const { headers } = await look()
    expect(asked).toEqual([[3, 12]])
    expect(headers?.map(({ number }) => number)).toEqual([12])
  })

  it('are the last 64 at most', async () => {
    const { asked, look } = openChain(1_000)
    await look()
    expect(asked).toEqual([[937, 1_000]])
  })

  it('are none where the head is the same', async () => {
    const { asked, look, state } = openChain(2)
    expect(state.head!.number).toBe(2)
    expect((await look()).headers).toEqual([])
    expect(asked).toEqual([])
  })

  it('are left out where the client does not tell them, and nothing else is', async () => {
    const { look } = openChain(12, new SpbError('chain/unreachable'))
    const update = await look()
    expect(update.headers).toBeUndefined()
    expect(update.head.number).toBe(12)
  })

  it('let a bug of our own be seen', async () => {
    const { look } = openChain(12, new TypeError('a bug'))
    await expect(look()).rejects.toThrow('a bug')
  })
})
