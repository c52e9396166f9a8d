import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { groupBy } from './groupBy.ts'
import { listEvidence } from './listEvidence.ts'
import type { GossipRecord, WitnessRecord } from './privacyRecords.ts'
import type { RelayRecord } from './streetRelay.ts'

const clockDifferenceSeconds = 300
const hourSeconds = 3_600

/** From what a node relays: at which network address each meter that witnesses is. */
export function locateMeters(relay: readonly RelayRecord[]): Map<string, Set<Address>> {
  const posts = relay.filter((record) => record.kind === 'post')
  return groupBy(
    posts,
    ({ from }) => from,
    ({ meter }) => meter,
  )
}

/**
 * From gossip and the list of witnesses: the meters that an account’s may be. A meter never
 * witnesses for itself, so whoever witnessed for the account is not its meter.
 */
export function excludeWitnesses(
  gossip: readonly GossipRecord[],
  meters: ReadonlySet<Address>,
): Map<Address, Set<Address>> {
  const witnessesOf = groupBy(
    listEvidence(gossip),
    ({ consumer }) => consumer,
    ({ witness }) => witness,
  )
  return new Map(
    [...witnessesOf].map(([account, witnesses]) => {
      return [account, new Set([...meters].filter((meter) => !witnesses.has(meter)))]
    }),
  )
}

/** The beginning that `planSpan` gives to a CoE that is asked for at this time. */
function beginningOf(atSeconds: number): number {
  const earlySeconds = atSeconds - clockDifferenceSeconds
  return earlySeconds - (earlySeconds % hourSeconds)
}

/**
 * From what a node relays and gossip together: the network address that a tree’s owner has, where
 * one address alone asked the tree’s witness in the hour in which its CoE begins.
 */
export function locateRoots(
  relay: readonly RelayRecord[],
  gossip: readonly GossipRecord[],
): Map<Bytes32, string> {
  const asks = relay.filter((record) => record.kind === 'ask')
  const addressesOf = groupBy(
    asks,
    ({ witness, atSeconds }) => `${witness} ${beginningOf(atSeconds)}`,
    ({ from }) => from,
  )
  const located = new Map<Bytes32, string>()
  for (const { submission } of gossip) {
    const { coe, witness } = submission.evidence
    const addresses = addressesOf.get(`${witness.meter} ${coe.notBeforeSeconds}`)
    if (addresses?.size === 1) located.set(coe.root, [...addresses][0]!)
  }
  return located
}

/** From what a witness was shown: whose each root is. */
export function nameOwners(records: readonly WitnessRecord[]): Map<Bytes32, Address> {
  return new Map(records.map(({ owner, root }) => [root, owner]))
}

/** From gossip and something that is known of roots: the same of accounts. */
export function carryToAccounts<Known>(
  gossip: readonly GossipRecord[],
  knownOf: ReadonlyMap<Bytes32, Known>,
): Map<Address, Set<Known>> {
  const found = listEvidence(gossip).filter(({ root }) => knownOf.has(root))
  return groupBy(
    found,
    ({ consumer }) => consumer,
    ({ root }) => knownOf.get(root)!,
  )
}
