import type { ProfileSet } from '../../meter/profiles/profileSet.ts'
import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { priceOf } from '../../protocol/payment.ts'
import { assert, SpbError } from '../../protocol/spbError.ts'
import { type Seconds, seconds, type Wh, wh } from '../../protocol/units.ts'
import type { OfferView } from '../../protocol/views.ts'
import { commitToPay, prepareKey, sendReceipt, signHomeCall } from './demoHome.ts'
import { type DemoWorld, openDemoWorld } from './demoWorld.ts'
import { drawDelivery, drawOrder } from './drawConduct.ts'
import { addEnergyCall } from './marketCalls.ts'
import { leastTradeWh, matchTrades, type Purchase, type Surplus } from './matchTrades.ts'
import { openMeteredStreet } from './meteredStreet.ts'
import { type NeighbourhoodReport, reportNeighbourhood } from './neighbourhoodReport.ts'
import { openStreet, type StreetHome } from './street.ts'
import { TradeBook } from './tradeBook.ts'
import type { NeighbourhoodOptions, Trading } from './trading.ts'

/** A certified trade whose energy is to come by the end of the step. */
type Delivery = { ctpId: Bytes32; consumer: StreetHome; deliveredWh: Wh }

/** Trades of two hours expire together, so that one transaction settles many of them. */
const periodSeconds = 7_200
/** From the end of a period to the expiry of its trades. */
const marginSeconds = 120
/** What can be settled waits for its last chance: few transactions count here, not haste. */
const batchAgeMs = 7 * 86_400_000
/** Before the first step: deployment and deposits. */
const setupSeconds = 3_600

/**
 * Has a neighbourhood trade from its profiles, with real signatures, nodes and transactions on an
 * embedded chain of its own, and checks every sum at the end. Simulated time; no waiting.
 *
 * Throws `input/option` for fewer than two homes, what `openDemoWorld` throws, and an abort where
 * the signal says so.
 */
export async function runNeighbourhood(
  options: NeighbourhoodOptions,
): Promise<NeighbourhoodReport> {
  const { profiles, seed, signal } = options
  if (profiles.households.length < 2) {
    throw new SpbError('input/option', 'One home has nobody to trade with.', {
      hint: 'Take two homes or more.',
    })
  }
  const startedMs = performance.now()
  const startSeconds = seconds(profiles.startSeconds - setupSeconds)
  const world = await openDemoWorld({ seed, startSeconds, batchAgeMs, signal })
  try {
    const street = await openStreet(world, profiles, options)
    const offers = { transactions: 0, gasUsed: 0n }
    const trading: Trading = { options, world, street, book: new TradeBook(), offers }
    await tradeMetered(trading)
    return await reportNeighbourhood(trading, startedMs)
  } finally {
    await world.close()
  }
}

/** Trades with meters that measure by themselves where that is wanted, else with told energy. */
async function tradeMetered(trading: Trading): Promise<void> {
  const { world, street, options } = trading
  const { metering, profiles } = options
  if (metering === undefined) {
    return await trade(trading, (deliveries, now) => receiptAll(world, deliveries, now))
  }
  const metered = await openMeteredStreet(world, street.homes, profiles, metering)
  try {
    await trade(trading, (_, now) => metered.readAll(now))
  } finally {
    await metered.close()
  }
}

/** Sees to the receipts of a step that ends now. */
type ReceiptStep = (deliveries: readonly Delivery[], now: Seconds) => Promise<void>

async function trade(trading: Trading, receiptStep: ReceiptStep): Promise<void> {
  const { options, world, book } = trading
  const { startSeconds, stepSeconds, steps } = options.profiles
  assert(periodSeconds % stepSeconds === 0, 'whole steps make a period')
  const stopListening = world.service.subscribe((event) => {
    if (event.kind === 'ctp') book.update(event.ctp)
  })
  let deliveries: Delivery[] = []
  for (let step = 0; step < steps; step++) {
    const elapsed = step * stepSeconds
    const now = seconds(startSeconds + elapsed)
    await receiptStep(deliveries, now)
    const surpluses = await offerSurpluses(trading, step, now)
    deliveries = await buyAll(trading, step, surpluses)
    if (elapsed % periodSeconds === 0) await settlePeriod(world, now)
    options.onStep?.(step + 1)
  }
  const end = seconds(startSeconds + steps * stepSeconds)
  await receiptStep(deliveries, end)
  await settlePeriod(world, seconds(expiryOf(options.profiles, end) - marginSeconds))
  await freeRest(world)
  stopListening()
}

/** When the trades of a step that ends then expire. */
function expiryOf({ startSeconds }: ProfileSet, endSeconds: number): Seconds {
  const periods = Math.ceil((endSeconds - startSeconds) / periodSeconds)
  return seconds(startSeconds + periods * periodSeconds + marginSeconds)
}

/** Homes with more than they need put it up for sale, all in one block. */
async function offerSurpluses(trading: Trading, step: number, now: Seconds): Promise<Surplus[]> {
  const { world, street, options, offers } = trading
  const untilSeconds = seconds(now + options.profiles.stepSeconds)
  const sellers = street.homes.filter(({ surplusWh }) => surplusWh[step]! >= leastTradeWh)
  const transactions = sellers.map((home, rank): Hex => {
    const energyWh = wh(home.surplusWh[step]!)
    return signHomeCall(
      world,
      home,
      addEnergyCall(energyWh, home.priceWeiPerKwh, untilSeconds),
      rank,
    )
  })
  const found: OfferView[] = []
  const stopListening = world.service.subscribe((event) => {
    if (event.kind === 'offer') found.push(event.offer)
  })
  const outcome = await world.makeBlock(now, transactions)
  stopListening()
  offers.transactions += outcome.transactions
  offers.gasUsed += outcome.gasUsed
  const indexOf = new Map<Address, number>()
  for (const { address, index } of street.homes) indexOf.set(address, index)
  return found.map(({ offerId, producer, leftWh, priceWeiPerKwh }) => {
    return { offerId, producer: indexOf.get(producer)!, energyWh: leftWh, priceWeiPerKwh }
  })
}

/** Homes with less than they need buy of the cheapest; returns what is to be delivered. */
async function buyAll(
  trading: Trading,
  step: number,
  surpluses: readonly Surplus[],
): Promise<Delivery[]> {
  const { homes } = trading.street
  const { seed } = trading.options
  const inNeed = homes.filter(({ surplusWh }) => surplusWh[step]! < 0).map(({ index }) => index)
  const wants = drawOrder(seed, step, inNeed).map((home) => {
    return { home, energyWh: -homes[home]!.surplusWh[step]! }
  })
  const prices = new Map(surpluses.map(({ offerId, priceWeiPerKwh }) => [offerId, priceWeiPerKwh]))
  const deliveries: Delivery[] = []
  for (const round of matchTrades(wants, surpluses)) {
    deliveries.push(...(await buyRound(trading, step, round, prices, deliveries.length)))
  }
  return deliveries
}

async function buyRound(
  { world, street, options, book }: Trading,
  step: number,
  round: readonly Purchase[],
  prices: ReadonlyMap<bigint, bigint>,
  tradesBefore: number,
): Promise<Delivery[]> {
  const { homes } = street
  const { profiles, seed } = options
  const stepEnd = profiles.startSeconds + (step + 1) * profiles.stepSeconds
  const expirySeconds = expiryOf(profiles, stepEnd)
  const submitted = []
  for (const { consumer, producer, offerId, energyWh } of round) {
    const home = homes[consumer]!
    await prepareKey(world, homes, home, expirySeconds)
    const amountWei = priceOf(prices.get(offerId)!, energyWh)
    const terms = {
      producer: homes[producer]!.address,
      offerId,
      amountWei,
      energyWh,
      expirySeconds,
    }
    submitted.push(world.service.submitCtp(commitToPay(world, home, terms)))
  }
  const answers = await Promise.allSettled(submitted)
  return answers.flatMap((answer, at): Delivery[] => {
    if (answer.status === 'rejected') {
      // A refusal is the node's good right, and counted; anything else is not.
      if (answer.reason instanceof SpbError) return []
      throw answer.reason
    }
    const { consumer, producer, energyWh } = round[at]!
    const { ctpId } = answer.value
    book.add(answer.value, consumer, producer)
    const { isUnreliable } = homes[producer]!
    const deliveredWh = isUnreliable
      ? drawDelivery(seed, step, tradesBefore + at, energyWh)
      : energyWh
    return [{ ctpId, consumer: homes[consumer]!, deliveredWh }]
  })
}

/** The consumers' meters receipt what came in the step. */
async function receiptAll(
  world: DemoWorld,
  deliveries: readonly Delivery[],
  measuredAtSeconds: Seconds,
): Promise<void> {
  await Promise.all(
    deliveries
      .filter(({ deliveredWh }) => deliveredWh > 0)
      .map(({ ctpId, consumer, deliveredWh }) =>
        sendReceipt(world, consumer, { ctpId, deliveredWh, measuredAtSeconds }),
      ),
  )
}

/** Goes on to when partial deliveries of the period that ended then can be paid, and pays all. */
async function settlePeriod(world: DemoWorld, periodEnd: Seconds): Promise<void> {
  const { graceSeconds } = world.facts.options
  const partialFrom = periodEnd + marginSeconds + Math.floor(graceSeconds / 2)
  await world.makeBlock(seconds(partialFrom))
  await world.finishSettlements()
}

/** Goes on to when the last money that nobody receipted anything for is free. */
async function freeRest(world: DemoWorld): Promise<void> {
  const { graceSeconds } = world.facts.options
  if (world.service.status().liveCtps === 0) return
  await world.makeBlock(world.laterSeconds(graceSeconds + periodSeconds))
}
