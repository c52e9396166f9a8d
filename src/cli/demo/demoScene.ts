import type { Address, Hex } from '../../protocol/bytes.ts'
import { type Seconds, seconds, type Wei, type Wh } from '../../protocol/units.ts'
import type { CtpView, ErcView } from '../../protocol/views.ts'
import {
  commitToPay,
  type DemoHome,
  makeDemoHome,
  prepareKey,
  sendReceipt,
  signHomeCall,
} from './demoHome.ts'
import { type DemoWorld, openDemoWorld } from './demoWorld.ts'
import type { MarketCall } from './marketCalls.ts'

/** A sum or an amount of energy, before and after a step. */
export type Change<Value> = { before: Value; after: Value }

/** An account's money before and after a step. */
export type AccountChange = {
  name: string
  balanceWei: Change<bigint>
  heldWei: Change<bigint>
  freeWei: Change<bigint>
}

/** One step of a scene, and what it moved. */
export type SceneStep = {
  number: number
  /** Time of the chain at the step's end. */
  timeSeconds: number
  title: string
  text: string
  /** Money put on hold, paid, and freed without being paid. */
  heldWei: bigint
  paidWei: bigint
  freedWei: bigint
  /** Energy that came. */
  energyWh: number
  /** Of the household's or the node's in this step. */
  transactions: number
  gasUsed: bigint
  accounts: AccountChange[]
}

/** Everything that `spb demo reliable --json` prints. */
export type SceneReport = {
  scene: 'reliable' | 'unreliable'
  seed: number
  chain: { kind: 'anvil'; chainId: number; market: Address; blocks: number }
  consumer: { name: string; address: Address }
  producer: { name: string; address: Address }
  steps: SceneStep[]
  heldWei: bigint
  paidWei: bigint
  freedWei: bigint
  receiptedWh: number
  onChainTransactions: number
  settlementTransactions: number
  settlementGas: bigint
  etherConserved: boolean
  seconds: number
}

/** What happens in a step, and what it says of itself. */
export type SceneAct = { text: string; energyWh?: number }

/** Two homes at a market, and the steps that were told so far. */
export type Scene = {
  world: DemoWorld
  consumer: DemoHome
  producer: DemoHome
  /** Does something and notes what it moved. */
  tell(title: string, act: () => Promise<SceneAct>): Promise<void>
  /** Makes a block so many seconds later, and sees settlements through. */
  advance(spanSeconds: number, calls?: readonly (readonly [DemoHome, MarketCall])[]): Promise<void>
  /** The consumer commits to pay the producer for energy of an offer. */
  commit(terms: {
    offerId: bigint
    amountWei: Wei
    energyWh: Wh
    expirySeconds: Seconds
  }): Promise<CtpView>
  /** The consumer's meter receipts energy. */
  receipt(ctp: CtpView, deliveredWh: Wh): Promise<ErcView>
  report(): Promise<SceneReport>
  close(): Promise<void>
}

/** Monday, 4 May 2026, 9:55 UTC. */
const startSeconds = seconds(1_777_888_500)
const pocketMoneyWei = 10n ** 18n

type Totals = { heldWei: bigint; paidWei: bigint; transactions: number; gasUsed: bigint }

/** Opens a market with two homes. Throws what `openDemoWorld` throws. */
export async function openScene(
  scene: SceneReport['scene'],
  seed: number,
  signal?: AbortSignal,
): Promise<Scene> {
  const startedMs = performance.now()
  const world = await openDemoWorld({ seed, startSeconds, batchAgeMs: 0, signal })
  const consumer = makeDemoHome(world, seed, { index: 0, name: 'Ash', treeHeight: 3 })
  const producer = makeDemoHome(world, seed, { index: 1, name: 'Birch', treeHeight: 3 })
  const homes = [consumer, producer]
  for (const { address } of homes) await world.fund(address, pocketMoneyWei)
  const steps: SceneStep[] = []
  const sent = { transactions: 0, gasUsed: 0n }

  async function advance(
    spanSeconds: number,
    calls: readonly (readonly [DemoHome, MarketCall])[] = [],
  ): Promise<void> {
    const sign = ([home, call]: (typeof calls)[number], rank: number): Hex =>
      signHomeCall(world, home, call, rank)
    const outcome = await world.makeBlock(world.laterSeconds(spanSeconds), calls.map(sign))
    sent.transactions += outcome.transactions
    sent.gasUsed += outcome.gasUsed
    await world.finishSettlements()
  }

  const look = () => ({
    accounts: homes.map(({ address }) => world.service.account(address)),
    totals: totalsOf(world, sent),
  })

  return {
    ...{ world, consumer, producer, advance },
    async tell(title, act) {
      const before = look()
      const { text, energyWh = 0 } = await act()
      const after = look()
      const accounts = homes.map(({ name }, at): AccountChange => {
        const [old, now] = [before.accounts[at]!, after.accounts[at]!]
        const change = (key: 'balanceWei' | 'heldWei' | 'freeWei') => {
          return { before: old[key], after: now[key] }
        }
        const [balanceWei, heldWei] = [change('balanceWei'), change('heldWei')]
        return { name, balanceWei, heldWei, freeWei: change('freeWei') }
      })
      const paidWei = after.totals.paidWei - before.totals.paidWei
      const moreHeldWei = after.totals.heldWei - before.totals.heldWei
      steps.push({
        ...{ number: steps.length + 1, timeSeconds: world.nowSeconds(), title, text, energyWh },
        ...{ paidWei, accounts, heldWei: moreHeldWei > 0n ? moreHeldWei : 0n },
        freedWei: moreHeldWei < 0n ? -moreHeldWei - paidWei : 0n,
        transactions: after.totals.transactions - before.totals.transactions,
        gasUsed: after.totals.gasUsed - before.totals.gasUsed,
      })
    },
    async commit(terms) {
      await prepareKey(world, homes, consumer, terms.expirySeconds)
      const full = { ...terms, producer: producer.address }
      return world.service.submitCtp(commitToPay(world, consumer, full))
    },
    receipt({ ctpId }, deliveredWh) {
      const measuredAtSeconds = world.nowSeconds()
      return sendReceipt(world, consumer, { ctpId, deliveredWh, measuredAtSeconds })
    },
    report: () => reportScene({ scene, seed, world, homes, steps, startedMs }),
    close: () => world.close(),
  }
}

function totalsOf({ service }: DemoWorld, sent: { transactions: number; gasUsed: bigint }): Totals {
  const { paidWei, settlementTransactions, settlementGas } = service.totals()
  const live = service.ctps({}).filter(({ state }) => state === 'held' || state === 'receipted')
  return {
    heldWei: live.reduce((sum, { ctp }) => sum + ctp.amountWei, 0n),
    paidWei,
    transactions: sent.transactions + settlementTransactions,
    gasUsed: sent.gasUsed + settlementGas,
  }
}

type ScenePlay = {
  scene: SceneReport['scene']
  seed: number
  world: DemoWorld
  homes: readonly DemoHome[]
  steps: SceneStep[]
  startedMs: number
}

async function reportScene(play: ScenePlay): Promise<SceneReport> {
  const { scene, seed, world, homes, steps, startedMs } = play
  const { chain, service, facts } = world
  const head = await chain.head()
  const accounts = await chain.accounts(
    homes.map(({ address }) => address),
    head.number,
  )
  const balances = accounts.reduce((sum, { balanceWei }) => sum + balanceWei, 0n)
  const events = await chain.events(facts.deploymentBlock, head.number)
  const deposits = events.reduce(
    (sum, event) => sum + (event.kind === 'Deposited' ? event.amountWei : 0n),
    0n,
  )
  const total = (key: 'heldWei' | 'paidWei' | 'freedWei') =>
    steps.reduce((sum, step) => sum + step[key], 0n)
  const [consumer, producer] = homes.map(({ name, address }) => ({ name, address }))
  const { receiptedWh, settlementTransactions, settlementGas } = service.totals()
  return {
    ...{ scene, seed, consumer: consumer!, producer: producer!, steps },
    chain: { kind: 'anvil', chainId: facts.chainId, market: facts.address, blocks: head.number },
    ...{ heldWei: total('heldWei'), paidWei: total('paidWei'), freedWei: total('freedWei') },
    ...{ receiptedWh, settlementTransactions, settlementGas },
    onChainTransactions: steps.reduce((sum, { transactions }) => sum + transactions, 0),
    etherConserved: balances === deposits && (await world.readContractWei()) >= balances,
    seconds: Math.round(performance.now() - startedMs) / 1000,
  }
}
