import { describe, expect, it } from 'vitest'
import type { AccountState, ChainEvent } from '../../ports/chain.ts'
import { type Address, zeroAddress, zeroBytes32 } from '../../protocol/bytes.ts'
import { seconds, wei } from '../../protocol/units.ts'
import { checkSums, type SumsToCheck } from './checkSums.ts'

const [ash, birch]: [Address, Address] = [`0x${'aa'.repeat(20)}`, `0x${'bb'.repeat(20)}`]

function account(address: Address, balanceWei: bigint): AccountState {
  return {
    ...{ account: address, balanceWei: wei(balanceWei), nonceBase: 0, nonceBitmap: 0n },
    ...{ energyWh: 0n, requestedWei: wei(0n), readyAtSeconds: seconds(0), payout: zeroAddress },
  }
}

function moved(kind: 'Deposited' | 'Withdrawn', address: Address, amountWei: bigint): ChainEvent {
  const place = { blockNumber: 1, transactionHash: zeroBytes32, amountWei: wei(amountWei) }
  if (kind === 'Deposited') return { ...place, kind, account: address, from: address }
  return { ...place, kind, account: address, to: address }
}

/** Ash put 1,000 wei in and bought 5 Wh of Birch for 300; Birch, having withdrawn, has 300. */
const sound: SumsToCheck = {
  homes: [
    {
      ...{ address: ash, depositWei: 1_000n, boughtWh: 5, soldWh: 0, spentWei: 300n },
      ...{ earnedWei: 0n, nodeBalanceWei: 700n, nodeHeldWei: 0n },
    },
    {
      ...{ address: birch, depositWei: 0n, boughtWh: 0, soldWh: 5, spentWei: 0n },
      ...{ earnedWei: 300n, nodeBalanceWei: 300n, nodeHeldWei: 0n },
    },
  ],
  totals: { receiptedWh: 5, paidWei: 300n },
  events: [
    moved('Deposited', ash, 1_000n),
    moved('Deposited', birch, 50n),
    moved('Withdrawn', birch, 50n),
  ],
  accounts: [account(ash, 700n), account(birch, 300n)],
  contractWei: 1_000n,
}

const allTrue = {
  etherConserved: true,
  energyConserved: true,
  paymentsAgree: true,
  balancesAgree: true,
  nodeAgrees: true,
}

function withHome(at: number, change: Partial<SumsToCheck['homes'][number]>): SumsToCheck {
  const homes = sound.homes.map((home, index) => (index === at ? { ...home, ...change } : home))
  return { ...sound, homes }
}

describe('checkSums', () => {
  it('finds nothing wrong with sound books, nor with ether forced into the contract', () => {
    expect(checkSums(sound)).toEqual(allTrue)
    expect(checkSums({ ...sound, contractWei: 1_001n })).toEqual(allTrue)
  })

  it.each<[string, SumsToCheck, Partial<typeof allTrue>]>([
    ['a contract short of one wei', { ...sound, contractWei: 999n }, { etherConserved: false }],
    [
      'deposits that are not the balances',
      { ...sound, events: sound.events.slice(0, 2) },
      { etherConserved: false },
    ],
    ['a Wh bought but not receipted', withHome(0, { boughtWh: 6 }), { energyConserved: false }],
    ['a Wh sold but not receipted', withHome(1, { soldWh: 4 }), { energyConserved: false }],
    [
      'a wei spent too much',
      withHome(0, { spentWei: 301n }),
      { paymentsAgree: false, balancesAgree: false },
    ],
    [
      'a wei earned too little',
      withHome(1, { earnedWei: 299n }),
      { paymentsAgree: false, balancesAgree: false },
    ],
    ['a deposit that is missing', withHome(0, { depositWei: 999n }), { balancesAgree: false }],
    ['a node that lags', withHome(0, { nodeBalanceWei: 1_000n }), { nodeAgrees: false }],
    ['a hold that is left', withHome(0, { nodeHeldWei: 1n }), { nodeAgrees: false }],
  ])('finds %s', (_, books, found) => {
    expect(checkSums(books)).toEqual({ ...allTrue, ...found })
  })
})
