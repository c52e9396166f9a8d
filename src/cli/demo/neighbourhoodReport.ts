import type { SkippedRows } from '../../meter/profiles/profileSet.ts'
import type { Address } from '../../protocol/bytes.ts'
import { checkSums, type SumChecks } from './checkSums.ts'
import type { Trading } from './trading.ts'

/** A home at the end. Energy in Wh, money in wei. */
export type HomeReport = {
  name: string
  address: Address
  isProducer: boolean
  isUnreliable: boolean
  /** What it asks; 0 for a home that never has energy to sell. */
  priceWeiPerKwh: bigint
  /** What it needed beyond its own production, and had beyond its own use, in all steps. */
  neededWh: number
  surplusWh: number
  boughtWh: number
  soldWh: number
  depositWei: bigint
  spentWei: bigint
  earnedWei: bigint
  balanceWei: bigint
}

/** What one home bought from another. */
export type PairReport = { consumer: string; producer: string; energyWh: number; paidWei: bigint }

/** What an unreliable producer did not deliver. */
export type UnreliableReport = {
  name: string
  /** Trades of which nothing came, and of which a part came. */
  nothing: number
  part: number
  freedWei: bigint
}

/** Everything that `spb demo neighbourhood --json` prints. */
export type NeighbourhoodReport = {
  chain: {
    kind: 'anvil'
    chainId: number
    market: Address
    blocks: number
    startSeconds: number
    endSeconds: number
  }
  profiles: string
  description: string
  seed: number
  /** Steps, and days that they make. */
  intervals: number
  days: number
  unreliable: number
  households: HomeReport[]
  ctps: number
  settled: number
  expired: number
  refused: number
  receiptedWh: number
  paidWei: bigint
  /** Put on hold for energy that did not come, and free again. */
  freedWei: bigint
  pairs: PairReport[]
  unreliableProducers: UnreliableReport[]
  setupTransactions: number
  onChainTransactions: number
  offerTransactions: number
  settlementTransactions: number
  settlementGas: bigint
  gasPerTrade: number
  offerGas: bigint
  settlementCalldataBytes: number
  etherConserved: boolean
  checks: SumChecks
  skippedRows: SkippedRows[]
  seconds: number
  tradesPerSecond: number
}

/** The market's factory and the market. */
const deploymentTransactions = 2
const secondsPerDay = 86_400

type Checked = { homes: HomeReport[]; checks: SumChecks }

/** Reads accounts and events from the chain, and checks them against what was booked. */
async function checkAgainstChain({ world, street, book }: Trading): Promise<Checked> {
  const { chain, service, facts } = world
  const head = await chain.head()
  const events = await chain.events(facts.deploymentBlock, head.number)
  const owners = new Set(street.homes.map(({ address }) => address))
  for (const event of events) {
    if (event.kind === 'Deposited') owners.add(event.account)
    if (event.kind === 'Settled') owners.add(event.beneficiary)
  }
  const accounts = await chain.accounts([...owners], head.number)
  const balances = new Map(accounts.map(({ account, balanceWei }) => [account, balanceWei]))
  const sums = street.homes.map((home) => {
    const { balanceWei: nodeBalanceWei, heldWei: nodeHeldWei } = service.account(home.address)
    return { home, booked: book.sumsOf(home.index), nodeBalanceWei, nodeHeldWei }
  })
  const homes = sums.map(({ home, booked }): HomeReport => {
    const { name, address, isProducer, isUnreliable, surplusWh, depositWei } = home
    const total = (sign: number) =>
      surplusWh.reduce((sum, energy) => sum + Math.max(0, sign * energy), 0)
    return {
      ...{ name, address, isProducer, isUnreliable, depositWei, ...booked },
      priceWeiPerKwh: isProducer ? home.priceWeiPerKwh : 0n,
      ...{ neededWh: total(-1), surplusWh: total(1) },
      balanceWei: balances.get(address)!,
    }
  })
  const checks = checkSums({
    ...{ totals: service.totals(), events, accounts },
    contractWei: await world.readContractWei(),
    homes: sums.map(({ home, booked, ...node }) => ({ ...home, ...booked, ...node })),
  })
  return { homes, checks }
}

/** Sums a neighbourhood up when all is settled or free. */
export async function reportNeighbourhood(
  trading: Trading,
  startedMs: number,
): Promise<NeighbourhoodReport> {
  const { options, world, street, book, offers } = trading
  const { profiles, seed, unreliable } = options
  const { homes, checks } = await checkAgainstChain(trading)
  const totals = world.service.totals()
  const { settlementTransactions, settlementGas, settlementCalldataBytes } = totals
  const head = await world.chain.head()
  const freed = book.freed()
  const nameOf = (index: number) => street.homes[index]!.name
  const seconds = (performance.now() - startedMs) / 1000
  return {
    chain: {
      ...{ kind: 'anvil', chainId: world.facts.chainId, market: world.facts.address },
      ...{ blocks: head.number, startSeconds: profiles.startSeconds, endSeconds: head.timeSeconds },
    },
    ...{ profiles: options.source, description: profiles.description, seed },
    ...{ intervals: profiles.steps, unreliable, households: homes },
    days: (profiles.steps * profiles.stepSeconds) / secondsPerDay,
    ...{ ctps: totals.ctps, settled: totals.settled, expired: totals.expired },
    ...{ refused: totals.refused, receiptedWh: totals.receiptedWh, paidWei: totals.paidWei },
    freedWei: freed.amountWei,
    pairs: book.pairs().map(({ consumer, producer, ...sums }) => {
      return { consumer: nameOf(consumer), producer: nameOf(producer), ...sums }
    }),
    unreliableProducers: street.homes
      .filter(({ isUnreliable }) => isUnreliable)
      .map(({ index, name }) => {
        const sums = freed.producers.get(index) ?? { nothing: 0, part: 0, freedWei: 0n }
        return { name, ...sums }
      }),
    setupTransactions: deploymentTransactions + street.setup.transactions,
    onChainTransactions: offers.transactions + settlementTransactions,
    ...{ offerTransactions: offers.transactions, offerGas: offers.gasUsed },
    ...{ settlementTransactions, settlementGas, settlementCalldataBytes },
    gasPerTrade: totals.settled === 0 ? 0 : Math.round(Number(settlementGas) / totals.settled),
    ...{ etherConserved: checks.etherConserved && checks.balancesAgree, checks },
    ...{ skippedRows: profiles.skippedRows, seconds: Math.round(seconds * 1000) / 1000 },
    tradesPerSecond: Math.round((totals.settled / seconds) * 10) / 10,
  }
}
