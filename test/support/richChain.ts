import type { Chain } from '../../src/ports/chain.ts'
import type { Address } from '../../src/protocol/bytes.ts'
import { seconds, wei } from '../../src/protocol/units.ts'
import { accountOf, blockOf, eventOf, foundingEvents } from './machineFixture.ts'
import { startSeconds } from './tradeFixture.ts'

/** A chain of one block in which every account is rich; its market has these members. */
export function createRichChainOf(members: Address[], consumers: Address[]): Chain {
  const block = blockOf(1, startSeconds)
  const deposits = consumers.map((account) =>
    eventOf(1, { kind: 'Deposited', account, from: account, amountWei: wei(9_000n) }),
  )
  return {
    head: async () => block,
    blockAt: async (number) => (number === 1 ? block : undefined),
    events: async () => [...foundingEvents(1, members), ...deposits],
    accounts: async (addresses) =>
      addresses.map((account) => accountOf(account, { balanceWei: wei(9_000n) })),
    committee: async () => ({ members, endedAtSeconds: seconds(0) }),
    currentEpoch: async () => 1,
    headers: async () => [],
    announceRoot: async () => false,
    sendSettlement: async () => `0x${'01'.repeat(32)}` as const,
    outcomeOf: async () => ({ status: 'pending' }),
  }
}
