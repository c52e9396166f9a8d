import { openMeterMemory } from '../../adapters/meter/memoryMeterStorage.ts'
import { drawBelow } from '../../meter/drawBelow.ts'
import { renewFromAny } from '../../meter/findCoe.ts'
import { createManufacturer } from '../../meter/manufacturer.ts'
import {
  defaultTreeHeight,
  manufactureSoftwareMeter,
} from '../../meter/manufactureSoftwareMeter.ts'
import { auditMeter } from '../../meter/meterAudit.ts'
import type { ReservedKey, SoftwareMeter } from '../../meter/softwareMeter.ts'
import { startWitnessService, type WitnessService } from '../../meter/witnessService.ts'
import type { Address } from '../../protocol/bytes.ts'
import { ctpIdOf, digestOf, type Market } from '../../protocol/digest.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import type { RandomBytes } from '../../protocol/sealedBox.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type Standing, standingOf } from '../../protocol/standing.ts'
import { maxUint40, type Seconds, seconds, wei, wh } from '../../protocol/units.ts'
import { createRandom, type Random } from '../random.ts'
import type { AccountChange, PrivacyMonth, WitnessRecord } from './privacyRecords.ts'
import { StreetRelay, takeTurn } from './streetRelay.ts'

/** The neighbourhood that is played. */
export type PrivacyMonthOptions = {
  seed: number
  households: number
  days: number
  /** CTPs of a household in a day, on average. */
  ctpsPerDay: number
  treeHeight: number
  /** How many sell energy, from the first household on. */
  producers: number
  /** Of those after the producers, how many change their account in each of the two ways. */
  changing: number
}

/** 20 meters for 30 days, about 20 CTPs a day and household, trees of the usual height. */
export const defaultPrivacyMonth: PrivacyMonthOptions = {
  ...{ seed: 2, households: 20, days: 30, ctpsPerDay: 20 },
  ...{ treeHeight: defaultTreeHeight, producers: 6, changing: 4 },
}

const market: Market = { chainId: 31_337, address: `0x${'5b'.repeat(20)}` }
const daySeconds = 86_400
const stepSeconds = 900
const stepsPerDay = daySeconds / stepSeconds
/** Midnight of 7 January 2026. */
const startSeconds = 1_767_744_000
/** Days before the first trade in which households get their first keys, each at its own time. */
const joiningDays = 5
/** Trades are made from 7 to 19 o'clock. */
const tradingSteps = { from: 28, to: 76 }
const deliveryChance = 0.95
const priceWeiPerKwh = 10n ** 14n
/** Posts of witnesses are looked after so often. */
const stepsPerPoll = 24
const text = new TextEncoder()

/** A household with its keys. */
type Home = {
  networkAddress: string
  meter: SoftwareMeter
  keys: Uint8Array[]
  accounts: Address[]
  nonces: number[]
  change: AccountChange
  isProducer: boolean
  joinsAtStep: number
  /** Seconds after the beginning of each step at which it acts: no two at once. */
  offsetSeconds: number
  randomBytes: RandomBytes
}

type World = {
  options: PrivacyMonthOptions
  homes: Home[]
  standing: Standing
  relay: StreetRelay
  clock: { nowMs(): number; setSeconds(value: number): void }
  month: PrivacyMonth
}

/** Bytes that depend on a name and on how many were taken before. */
function namedBytes(name: string): RandomBytes {
  let count = 0
  return (length) => {
    const bytes = new Uint8Array(length)
    for (let at = 0; at < length; at += 32) {
      const block = keccak256(text.encode(`privacy month ${name} ${count++}`))
      bytes.set(block.subarray(0, Math.min(32, length - at)), at)
    }
    return bytes
  }
}

function createClock(): World['clock'] {
  let nowSeconds = startSeconds - joiningDays * daySeconds
  return {
    nowMs: () => 1000 * nowSeconds,
    setSeconds: (value) => {
      nowSeconds = value
    },
  }
}

function changeOf(index: number, { producers, changing }: PrivacyMonthOptions): AccountChange {
  if (index < producers || index >= producers + 2 * changing) return 'never'
  return index < producers + changing ? 'at once' : 'with a next tree'
}

function createHome(
  index: number,
  options: PrivacyMonthOptions,
  manufacturer: ReturnType<typeof createManufacturer>,
): Home {
  const { seed, treeHeight, producers, households } = options
  const name = `${seed} home ${index}`
  const randomBytes = namedBytes(name)
  const change = changeOf(index, options)
  const keys = [randomBytes(32), ...(change === 'never' ? [] : [randomBytes(32)])]
  const random = createRandom(seed, index, 1)
  const ageSeconds = Math.floor(random.between(0, 2_000)) * daySeconds
  const notAfterSeconds = seconds(startSeconds + 3_650 * daySeconds - ageSeconds)
  const meter = manufactureSoftwareMeter(
    { name: `home-${index}`, seed: randomBytes(32), manufacturer, notAfterSeconds, treeHeight },
    openMeterMemory(),
  )
  return {
    ...{ networkAddress: `10.0.0.${index + 1}`, meter, keys, accounts: keys.map(addressOf) },
    ...{ nonces: keys.map(() => 0), change, isProducer: index < producers },
    joinsAtStep: Math.floor(random.between(-joiningDays * stepsPerDay, 0)),
    offsetSeconds: Math.floor((index * stepSeconds) / households) + 7,
    randomBytes,
  }
}

function createWorld(options: PrivacyMonthOptions): World {
  const manufacturer = createManufacturer(namedBytes(`${options.seed} manufacturer`)(32))
  const homes = Array.from({ length: options.households }, (_, index) =>
    createHome(index, options, manufacturer),
  )
  const standing = standingOf({
    manufacturers: [{ manufacturer: manufacturer.address, endsSeconds: seconds(maxUint40) }],
    revokedMeters: [],
  })
  const clock = createClock()
  const relayBytes = namedBytes(`${options.seed} relay`)
  const randomBelow = (bound: number) => drawBelow(bound, relayBytes)
  const relay = new StreetRelay({ market, clock, standing, randomBelow })
  const truths = homes.map(({ networkAddress, meter, accounts, change, isProducer }) => {
    const { certificate } = meter.signedCertificate
    return { networkAddress, meter: certificate, accounts, change, isProducer }
  })
  const month: PrivacyMonth = {
    ...{ market, homes: truths, chain: [], gossip: [], gateway: [] },
    ...{ relay: relay.records, witnesses: new Map() },
    manufactured: truths.map(({ meter }) => meter),
  }
  return { options, homes, standing, relay, clock, month }
}

/** Lets a home's meter witness, with a record of what it is shown. */
function startWitness({ relay, clock, standing, month }: World, home: Home): WitnessService {
  const { meter, randomBytes, networkAddress } = home
  const records: WitnessRecord[] = []
  month.witnesses.set(meter.identity, records)
  return startWitnessService({
    meter: {
      identity: meter.identity,
      signedCertificate: meter.signedCertificate,
      announce: (...terms) => meter.announce(...terms),
      certify(request, policy) {
        records.push({ owner: request.owner.certificate.meter, root: request.coe.root })
        return meter.certify(request, policy)
      },
    },
    ...{ market, clock, randomBytes, relays: [relay.accessFrom(networkAddress)] },
    readStanding: async () => standing,
    pause: takeTurn,
  })
}

/** Waits of an owner never end by time: every witness of this street answers. */
const untilAborted = (_ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => signal.addEventListener('abort', () => resolve()))

async function renew({ relay, standing }: World, home: Home, nowSeconds: number) {
  const { meter, randomBytes, networkAddress } = home
  await renewFromAny(meter, market, [relay.accessFrom(networkAddress)], {
    ...{ nowSeconds: seconds(nowSeconds), standing, randomBytes, pause: untilAborted },
  })
}

/** The account that pays; some change it only where the audit says that a fresh tree is next. */
function chooseAccount(home: Home, expirySeconds: Seconds, isChangeDue: boolean): number {
  const { change, meter, nonces } = home
  if (!isChangeDue || change === 'never') return 0
  if (change === 'at once' || nonces[1]! > 0) return 1
  return auditMeter(meter.state, expirySeconds, expirySeconds).usedTree === undefined ? 1 : 0
}

/** A key for an account; in mid-tree a changed one has the meter renew first, as `spb ctp` does. */
async function takeKey(
  world: World,
  home: Home,
  account: Address,
  nowSeconds: number,
): Promise<ReservedKey> {
  const expirySeconds = seconds(nowSeconds + stepSeconds)
  try {
    return home.meter.takeKey(expirySeconds, account)
  } catch (error) {
    if (!(error instanceof SpbError) || error.code !== 'meter/other-account') throw error
    await renew(world, home, nowSeconds)
    return home.meter.takeKey(expirySeconds, account)
  }
}

function chooseProducer({ homes, options }: World, buyer: Home, random: Random): Address {
  const others = homes.slice(0, options.producers).filter((home) => home !== buyer)
  return others[Math.floor(random.between(0, others.length))]!.accounts[0]!
}

async function trade(world: World, home: Home, random: Random, nowSeconds: number, day: number) {
  const { month, options } = world
  const { meter, networkAddress } = home
  const expirySeconds = seconds(nowSeconds + stepSeconds)
  const account = chooseAccount(home, expirySeconds, day >= options.days / 2)
  const consumer = home.accounts[account]!
  const { meterKey } = await takeKey(world, home, consumer, nowSeconds)
  const energyWh = Math.floor(random.between(100, 900))
  const ctp = {
    ...{ producer: chooseProducer(world, home, random), offerId: 1n, energyWh: wh(energyWh) },
    amountWei: wei((priceWeiPerKwh * BigInt(energyWh)) / 1000n),
    ...{ nonce: home.nonces[account]!++, expirySeconds, meterKey },
  }
  const consumerSignature = signMessage(market, 'Ctp', ctp, home.keys[account]!)
  const submission = {
    ...{ market, ctp, consumerSignature },
    ...meter.bind(ctp, consumer, market),
  }
  const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
  month.gateway.push({ from: networkAddress, atSeconds: seconds(nowSeconds), consumer })
  if (!random.chance(deliveryChance)) {
    meter.release(ctpId)
    month.gossip.push({ submission, consumer })
    return
  }
  const receipt = meter.receipt(ctpId, ctp.energyWh, seconds(nowSeconds + stepSeconds / 2))
  meter.acknowledge(ctpId, ctp.energyWh)
  month.gossip.push({ submission, consumer, receipt })
  const item = { ctp, consumerSignature, deliveredWh: ctp.energyWh }
  month.chain.push({ item, consumer })
}

async function playStep(world: World, step: number, randoms: readonly Random[]): Promise<void> {
  const { homes, options, clock } = world
  const stepOfDay = ((step % stepsPerDay) + stepsPerDay) % stepsPerDay
  const isTrading = step >= 0 && stepOfDay >= tradingSteps.from && stepOfDay < tradingSteps.to
  const chance = options.ctpsPerDay / (tradingSteps.to - tradingSteps.from)
  for (const [index, home] of homes.entries()) {
    const nowSeconds = startSeconds + step * stepSeconds + home.offsetSeconds
    clock.setSeconds(nowSeconds)
    const isDue = step >= home.joinsAtStep && home.meter.needsRenewal(seconds(nowSeconds))
    if (isDue) await renew(world, home, nowSeconds)
    const random = randoms[index]!
    const day = Math.floor(step / stepsPerDay)
    if (isTrading && random.chance(chance)) await trade(world, home, random, nowSeconds, day)
  }
}

/**
 * Plays a neighbourhood with real meters, which witness for each other through one node, and
 * records what each observer is shown. The same options give the same month, to the byte.
 *
 * Meters renew by `needsRenewal` and post as witnesses all the time; one node is gateway and relay
 * of all. An account that changes in mid-tree gets a next tree first. A CTP lasts 15 minutes and
 * names a producer at random; 95 of 100 are delivered in full.
 */
export async function playPrivacyMonth(
  options: PrivacyMonthOptions = defaultPrivacyMonth,
): Promise<PrivacyMonth> {
  const world = createWorld(options)
  const { homes, month, relay } = world
  const services = homes.map((home) => startWitness(world, home))
  const randoms = homes.map((_, index) => createRandom(options.seed, index, 2))
  try {
    const lastStep = options.days * stepsPerDay
    for (let step = -joiningDays * stepsPerDay; step < lastStep; step++) {
      if (step % stepsPerPoll === 0) await relay.endPolls(homes.length)
      await playStep(world, step, randoms)
    }
  } finally {
    await Promise.all(services.map((service) => service.close()))
  }
  return month
}
