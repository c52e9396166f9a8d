import { auditReceipts, type LinkReport } from '../../meter/privacyAudit.ts'
import type { Address } from '../../protocol/bytes.ts'
import { assert } from '../../protocol/spbError.ts'
import { groupBy } from './groupBy.ts'
import {
  type AccountPair,
  joinByAddress,
  joinByKey,
  joinByKnowledge,
  joinByRoot,
} from './joinAccounts.ts'
import { countPurchases, listEvidence } from './listEvidence.ts'
import {
  carryToAccounts,
  excludeWitnesses,
  locateMeters,
  locateRoots,
  nameOwners,
} from './locateMeters.ts'
import type { GossipRecord, HomeTruth, PrivacyMonth } from './privacyRecords.ts'

/** What an observer found out of a month, as counts of what is true. */
export type PrivacyFigures = Record<string, number>

const meanOf = (values: readonly number[]): number =>
  values.length === 0 ? 0 : values.reduce((sum, value) => sum + value, 0) / values.length
const leastOf = (values: readonly number[]): number => Math.min(...values)
const mostOf = (values: readonly number[]): number => Math.max(0, ...values)

/** The truth about accounts and addresses, for counting what was found out of it. */
class Judge {
  readonly #homeOf = new Map<Address, HomeTruth>()

  constructor({ homes }: PrivacyMonth) {
    for (const home of homes) for (const account of home.accounts) this.#homeOf.set(account, home)
  }

  homeOf(account: Address): HomeTruth {
    return this.#homeOf.get(account)!
  }

  /** How many pairs an observer found; each is of one household. */
  countJoined(pairs: readonly AccountPair[]): number {
    const isRight = ([first, second]: AccountPair) => this.homeOf(first) === this.homeOf(second)
    assert(pairs.every(isRight), 'accounts are joined only where that is right')
    return pairs.length
  }

  /** How many accounts were given one meter, and rightly. */
  countNamed(meterOf: ReadonlyMap<Address, ReadonlySet<Address>>): number {
    const single = [...meterOf].filter(([, meters]) => meters.size === 1)
    const isRight = ([account, meters]: [Address, ReadonlySet<Address>]) =>
      meters.has(this.homeOf(account).meter.meter)
    assert(single.every(isRight), 'meters are named only where that is right')
    return single.length
  }
}

/** The receipts that evidence shows, and how they are linked by their roots. */
const linkReceipts = (gossip: readonly GossipRecord[]): LinkReport =>
  auditReceipts(listEvidence(gossip.filter(({ receipt }) => receipt !== undefined)))

/** Meters that anybody can ask any node for. */
function listMeters({ relay }: PrivacyMonth): Set<Address> {
  return new Set([...locateMeters(relay).values()].flatMap((meters) => [...meters]))
}

function measureWorld(month: PrivacyMonth): PrivacyFigures {
  const { homes, gossip, chain } = month
  const changed = (change: HomeTruth['change']) =>
    homes.filter((home) => home.change === change).length
  return {
    meters: homes.length,
    accounts: homes.flatMap(({ accounts }) => accounts).length,
    producers: homes.filter(({ isProducer }) => isProducer).length,
    changedAtOnce: changed('at once'),
    changedWithTree: changed('with a next tree'),
    ctps: gossip.length,
    receipts: chain.length,
  }
}

function measureChain({ chain }: PrivacyMonth, judge: Judge): PrivacyFigures {
  const purchases = [...countPurchases(chain).values()]
  return {
    chainTradesPerAccountMean: meanOf(purchases),
    chainTradesPerAccountMost: mostOf(purchases),
    chainMeterKeys: new Set(chain.map(({ item }) => item.ctp.meterKey)).size,
    chainJoined: judge.countJoined(joinByKey(chain)),
  }
}

/** Candidates for the meters of accounts; the right one is always among them. */
function countCandidates(month: PrivacyMonth, gossip: readonly GossipRecord[], judge: Judge) {
  const candidates = excludeWitnesses(gossip, listMeters(month))
  for (const [account, meters] of candidates) {
    assert(meters.has(judge.homeOf(account).meter.meter), 'no meter witnesses for itself')
  }
  return [...candidates.values()].map(({ size }) => size)
}

function measureGossip(month: PrivacyMonth, judge: Judge): PrivacyFigures {
  const { gossip } = month
  const links = linkReceipts(gossip)
  const all = auditReceipts(listEvidence(gossip))
  const candidates = countCandidates(month, gossip, judge)
  return {
    gossipRoots: new Set(gossip.map(({ submission }) => submission.evidence.coe.root)).size,
    gossipReceiptsPerRootMean: links.receiptsPerRootMean,
    gossipReceiptsPerRootMost: links.receiptsPerRootMost,
    gossipRepeatedKeys: all.repeatedKeys,
    gossipAccountsPerRootMost: all.accountsPerRootMost,
    gossipJoined: judge.countJoined(joinByRoot(gossip)),
    gossipCandidatesMean: meanOf(candidates),
    gossipCandidatesLeast: leastOf(candidates),
    gossipWitnessSet: links.witnessAnonymitySet,
  }
}

function measureGateway({ gateway, relay }: PrivacyMonth, judge: Judge): PrivacyFigures {
  const addressesOf = groupBy(
    gateway,
    ({ consumer }) => consumer,
    ({ from }) => from,
  )
  const metersAt = locateMeters(relay)
  const metersOf = new Map(
    [...addressesOf].map(([account, addresses]) => [account, metersAt.get([...addresses][0]!)!]),
  )
  return {
    gatewayAddresses: new Set(gateway.map(({ from }) => from)).size,
    gatewayJoined: judge.countJoined(joinByAddress(gateway)),
    gatewayNamedAccounts: judge.countNamed(metersOf),
  }
}

function measureRelay({ relay, gossip }: PrivacyMonth, judge: Judge): PrivacyFigures {
  const asks = relay.filter((record) => record.kind === 'ask')
  const messages = relay.flatMap((record) => ('text' in record ? [record] : []))
  const sizes = (kind: 'ask' | 'answered') =>
    new Set(messages.filter((each) => each.kind === kind).map(({ text }) => text.length)).size
  const metersAt = locateMeters(relay)
  const roots = locateRoots(relay, gossip)
  const addressesOf = carryToAccounts(gossip, roots)
  const metersOf = new Map(
    [...addressesOf].map(([account, addresses]) => [account, metersAt.get([...addresses][0]!)!]),
  )
  const single = [...metersAt.values()].filter((meters) => meters.size === 1)
  return {
    relayAsks: asks.length,
    relayAskingAddresses: new Set(asks.map(({ from }) => from)).size,
    relayMeters: single.length,
    relaySizes: Math.max(sizes('ask'), sizes('answered')),
    timedRoots: roots.size,
    timedAccounts: addressesOf.size,
    timedNamedAccounts: judge.countNamed(metersOf),
    timedJoined: judge.countJoined(joinByKnowledge(addressesOf)),
  }
}

function measureWitnesses({ witnesses, gossip }: PrivacyMonth, judge: Judge): PrivacyFigures {
  const views = [...witnesses.values()].map((records) => {
    const owners = nameOwners(records)
    const metersOf = carryToAccounts(gossip, owners)
    const ofRoots = gossip.filter(({ submission }) => owners.has(submission.evidence.coe.root))
    return {
      trees: owners.size,
      named: judge.countNamed(metersOf),
      joined: judge.countJoined(joinByKnowledge(metersOf)),
      receipts: ofRoots.filter(({ receipt }) => receipt !== undefined).length,
    }
  })
  return {
    witnessTreesMean: meanOf(views.map(({ trees }) => trees)),
    witnessTreesMost: mostOf(views.map(({ trees }) => trees)),
    witnessNamedAccountsMean: meanOf(views.map(({ named }) => named)),
    witnessNamedAccountsMost: mostOf(views.map(({ named }) => named)),
    witnessJoinedMean: meanOf(views.map(({ joined }) => joined)),
    witnessReceiptsMean: meanOf(views.map(({ receipts }) => receipts)),
  }
}

function measureProducers(month: PrivacyMonth, judge: Judge): PrivacyFigures {
  const producers = month.homes.filter(({ isProducer }) => isProducer)
  const views = producers.map(({ accounts: [account] }) => {
    const own = month.gossip.filter(({ submission }) => submission.ctp.producer === account)
    const links = linkReceipts(own)
    const candidates = countCandidates(month, own, judge)
    const sold = month.chain.filter(({ item }) => item.ctp.producer === account)
    return {
      trades: meanOf([...countPurchases(sold).values()]),
      joined: judge.countJoined(joinByRoot(own)),
      ...{ links, candidates },
    }
  })
  const perRoot = views.map(({ links }) => links.receiptsPerRootMean)
  return {
    producerTradesPerAccountMean: meanOf(views.map(({ trades }) => trades)),
    producerReceiptsPerRootMean: meanOf(perRoot),
    producerReceiptsPerRootMost: mostOf(views.map(({ links }) => links.receiptsPerRootMost)),
    producerJoinedMost: mostOf(views.map(({ joined }) => joined)),
    producerCandidatesMean: meanOf(views.flatMap(({ candidates }) => candidates)),
    producerCandidatesLeast: leastOf(views.flatMap(({ candidates }) => candidates)),
  }
}

/** Of how many meters’ trades a manufacturer finds something that it certified. */
function measureManufacturer({ manufactured, gossip, homes }: PrivacyMonth): PrivacyFigures {
  const certified = new Set(manufactured.map(({ meter }) => meter))
  const seen = new Set(gossip.map(({ submission }) => submission.evidence.witness.meter))
  const ownerShown = homes.filter(({ accounts, meter }) => {
    const own = gossip.filter(({ consumer }) => accounts.includes(consumer))
    return own.some(({ submission }) => JSON.stringify(submission.evidence).includes(meter.meter))
  })
  return {
    manufacturerMeters: certified.size,
    manufacturerSeenWitnessing: [...certified].filter((meter) => seen.has(meter)).length,
    manufacturerOwnersShown: ownerShown.length,
  }
}

/**
 * Counts what each observer of a month finds out: by its own record alone, but for gossip, which
 * every node and whoever asks one has. Meaning of each figure: docs/privacy.md.
 */
export function measurePrivacy(month: PrivacyMonth): PrivacyFigures {
  const judge = new Judge(month)
  return {
    ...measureWorld(month),
    ...measureChain(month, judge),
    ...measureGossip(month, judge),
    ...measureGateway(month, judge),
    ...measureRelay(month, judge),
    ...measureWitnesses(month, judge),
    ...measureProducers(month, judge),
    ...measureManufacturer(month),
  }
}
