import type { Address } from '../../protocol/bytes.ts'
import { groupBy } from './groupBy.ts'
import { listEvidence } from './listEvidence.ts'
import type { ChainRecord, GatewayRecord, GossipRecord } from './privacyRecords.ts'

/** Two accounts that an observer takes for one household’s, the smaller address first. */
export type AccountPair = readonly [Address, Address]

/** All pairs within groups of accounts, each once. */
function pairUp(groups: Iterable<ReadonlySet<Address>>): AccountPair[] {
  const pairs = new Map<string, AccountPair>()
  for (const group of groups) {
    const accounts = [...group].sort()
    for (const [index, first] of accounts.entries()) {
      for (const second of accounts.slice(index + 1)) {
        pairs.set(`${first} ${second}`, [first, second])
      }
    }
  }
  return [...pairs.values()]
}

/** From the chain: accounts that used one meter key. */
export function joinByKey(chain: readonly ChainRecord[]): AccountPair[] {
  const keyOf = ({ item }: ChainRecord) => item.ctp.meterKey
  return pairUp(groupBy(chain, keyOf, ({ consumer }) => consumer).values())
}

/** From gossip: accounts whose CTPs show keys of one tree. */
export function joinByRoot(gossip: readonly GossipRecord[]): AccountPair[] {
  const evidence = listEvidence(gossip)
  const consumersOf = groupBy(
    evidence,
    ({ root }) => root,
    ({ consumer }) => consumer,
  )
  return pairUp(consumersOf.values())
}

/** From what a gateway sees: accounts whose CTPs come from one network address. */
export function joinByAddress(gateway: readonly GatewayRecord[]): AccountPair[] {
  const consumersOf = groupBy(
    gateway,
    ({ from }) => from,
    ({ consumer }) => consumer,
  )
  return pairUp(consumersOf.values())
}

/** Accounts that share what is known of each. */
export function joinByKnowledge<Known>(knownOf: ReadonlyMap<Address, Set<Known>>): AccountPair[] {
  const entries = [...knownOf].flatMap(([account, known]) =>
    [...known].map((each) => ({ account, each })),
  )
  const accountsOf = groupBy(
    entries,
    ({ each }) => each,
    ({ account }) => account,
  )
  return pairUp(accountsOf.values())
}
