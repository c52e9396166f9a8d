import type { AccountState, ChainEvent } from '../../ports/chain.ts'
import type { Address } from '../../protocol/bytes.ts'
import type { NodeTotals } from '../../protocol/views.ts'

/** A home's money as it was booked trade by trade, and as its node shows it. */
export type CheckedHome = {
  address: Address
  depositWei: bigint
  boughtWh: number
  soldWh: number
  spentWei: bigint
  earnedWei: bigint
  nodeBalanceWei: bigint
  nodeHeldWei: bigint
}

/** What was booked, and what chain and node say. */
export type SumsToCheck = {
  homes: readonly CheckedHome[]
  totals: Pick<NodeTotals, 'receiptedWh' | 'paidWei'>
  /** All of the market's events. */
  events: readonly ChainEvent[]
  /** All accounts that hold money, as the chain has them. */
  accounts: readonly AccountState[]
  /** Ether of the market contract. */
  contractWei: bigint
}

/** What must be true of a neighbourhood when all is settled or free. */
export type SumChecks = {
  /** P7: the contract’s ether covers the balances; they are deposits less withdrawals. */
  etherConserved: boolean
  /** Each Wh that was receipted was bought by one home and sold by one. */
  energyConserved: boolean
  /** All that was paid was spent by one home and earned by one. */
  paymentsAgree: boolean
  /** Each home’s balance on chain is its deposit, plus what it earned, less what it spent. */
  balancesAgree: boolean
  /** The node shows the chain’s balances, and holds nothing any more. */
  nodeAgrees: boolean
}

const sum = (values: readonly bigint[]): bigint => values.reduce((a, b) => a + b, 0n)
const count = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0)

/** What came into the market contract for accounts, less what left it. */
function flowOf(event: ChainEvent): bigint {
  if (event.kind === 'Deposited') return event.amountWei
  return event.kind === 'Withdrawn' ? -event.amountWei : 0n
}

/** Checks every sum of a neighbourhood, to the wei and to the Wh. */
export function checkSums({ homes, totals, ...chain }: SumsToCheck): SumChecks {
  const balances = sum(chain.accounts.map(({ balanceWei }) => balanceWei))
  const balanceOf = new Map(
    chain.accounts.map(({ account, balanceWei }): [Address, bigint] => [account, balanceWei]),
  )
  const { receiptedWh, paidWei } = totals
  return {
    etherConserved: chain.contractWei >= balances && balances === sum(chain.events.map(flowOf)),
    energyConserved:
      receiptedWh === count(homes.map(({ boughtWh }) => boughtWh)) &&
      receiptedWh === count(homes.map(({ soldWh }) => soldWh)),
    paymentsAgree:
      paidWei === sum(homes.map(({ spentWei }) => spentWei)) &&
      paidWei === sum(homes.map(({ earnedWei }) => earnedWei)),
    balancesAgree: homes.every(
      ({ address, depositWei, earnedWei, spentWei }) =>
        balanceOf.get(address) === depositWei + earnedWei - spentWei,
    ),
    nodeAgrees: homes.every(
      ({ address, nodeBalanceWei, nodeHeldWei }) =>
        balanceOf.get(address) === nodeBalanceWei && nodeHeldWei === 0n,
    ),
  }
}
