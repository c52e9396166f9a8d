import { seconds, wei } from '../../../protocol/units.ts'
import { fiveOf, type PlantedBug } from './plantedBug.ts'

/** Bugs in how the chain is read. */
export const chainBugs: readonly PlantedBug[] = [
  {
    name: 'no-confirmations',
    breaks: 'balances are read at a block that no reorganisation takes away',
    promise: 'P2',
    seeds: 40,
    world: { nodes: 1, styles: fiveOf('overspender') },
    confirmations: 0,
  },
  {
    name: 'no-grace',
    breaks: 'a hold is free when block time is past expiry and grace',
    promise: 'P4',
    seeds: 5,
    facts: (facts) => ({
      ...facts,
      options: { ...facts.options, graceSeconds: seconds(0) },
    }),
  },
  {
    name: 'own-clock',
    breaks: 'rules read the chain’s time, not the computer’s',
    promise: 'P4',
    seeds: 25,
    chain: (chain, clock) => {
      const timeSeconds = () => seconds(Math.floor(clock.nowMs() / 1000))
      return {
        ...chain,
        head: async () => ({
          ...(await chain.head()),
          timeSeconds: timeSeconds(),
        }),
        blockAt: async (number) => {
          const block = await chain.blockAt(number)
          return block && { ...block, timeSeconds: timeSeconds() }
        },
        // Its faults change while it is in use.
        accounts: (addresses, number) => chain.accounts(addresses, number),
        events: (from, to) => chain.events(from, to),
      }
    },
  },
  {
    name: 'ignored-withdrawals',
    world: { ticks: 110, nodes: 1, styles: fiveOf('leaver') },
    breaks: 'money whose withdrawal is asked for is not promised any more',
    promise: 'P2',
    seeds: 30,
    chain: (chain) => ({
      ...chain,
      accounts: async (addresses, number) =>
        (await chain.accounts(addresses, number)).map((account) => ({
          ...account,
          requestedWei: wei(0n),
        })),
      events: async (from, to) =>
        (await chain.events(from, to)).filter(({ kind }) => kind !== 'WithdrawalRequested'),
    }),
  },
]
