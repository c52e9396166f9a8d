import { decodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { SignedEpochEnd } from '../../ports/chain.ts'
import type { MarketAction } from '../../ports/marketAction.ts'
import { type Address, type Hex, zeroAddress } from '../../protocol/bytes.ts'
import { quorumOf } from '../../protocol/committee.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { digestOf } from '../../protocol/digest.ts'
import { type Seconds, seconds } from '../../protocol/units.ts'
import { lowerCase } from './marketEvents.ts'
import {
  type MarketContext,
  type MarketEvent,
  type MemoryMarketState,
  requireCurrent,
} from './memoryMarket.ts'
import { requireQuorum, requireVote } from './memoryVotes.ts'

const largestCommittee = 256

/** Refuses a committee as the contract does. */
export function requireCommittee(members: readonly Address[]): void {
  const size = members.length
  if (size % 3 !== 1 || size > largestCommittee) {
    throw contractRefusal('InvalidCommitteeSize', { size })
  }
  for (const [memberIndex, member] of members.entries()) {
    if (member === zeroAddress) throw contractRefusal('ZeroMember', { memberIndex })
    if (members.indexOf(member) < memberIndex) throw contractRefusal('RepeatedMember', { member })
  }
}

function openEpoch(
  state: MemoryMarketState,
  { market, timeSeconds }: MarketContext,
  members: readonly Address[],
  ends: SignedEpochEnd[],
): MarketEvent[] {
  const epoch = state.currentEpoch
  const ending = state.committees.get(epoch)!
  const expectedCount = quorumOf({ epoch, members: ending.members })
  if (ends.length !== expectedCount) {
    throw contractRefusal('InvalidEndsCount', { count: ends.length, expectedCount })
  }
  let lowest = 0
  for (const { member, votesRoot, signature } of ends) {
    const digest = digestOf(market, 'EpochEnd', { epoch, votesRoot })
    requireVote(ending.members, member, lowest, digest, signature)
    lowest = member + 1
  }
  requireCommittee(members)
  state.committees.set(epoch, { ...ending, endedAtSeconds: timeSeconds })
  state.committees.set(epoch + 1, { members, endedAtSeconds: seconds(0) })
  state.currentEpoch = epoch + 1
  return [
    { kind: 'EpochEnded', epoch, ends },
    { kind: 'EpochOpened', epoch: epoch + 1, members: [...members] },
  ]
}

function setAuthority(
  state: MemoryMarketState,
  authority: Address,
  isTrusted: boolean,
): MarketEvent[] {
  if (authority === zeroAddress) throw contractRefusal('ZeroAuthority')
  if (isTrusted) state.authorities.add(authority)
  else state.authorities.delete(authority)
  return [{ kind: 'AuthoritySet', authority, isTrusted }]
}

/** An end must be so far that no live hold can outlast it. */
function requireFar({ options, timeSeconds }: MarketContext, endsSeconds: Seconds): void {
  const earliestSeconds = timeSeconds + options.longestLifeSeconds
  if (endsSeconds >= earliestSeconds) return
  throw contractRefusal('EndTooNear', { endsSeconds, earliestSeconds })
}

/** Refuses a manufacturer as the contract does. */
export function requireManufacturer(manufacturer: Address): void {
  if (manufacturer === zeroAddress) throw contractRefusal('ZeroManufacturer')
}

function setManufacturer(
  state: MemoryMarketState,
  context: MarketContext,
  manufacturer: Address,
  endsSeconds: Seconds,
): MarketEvent[] {
  requireFar(context, endsSeconds)
  requireManufacturer(manufacturer)
  state.manufacturers.set(manufacturer, endsSeconds)
  return [{ kind: 'ManufacturerSet', manufacturer, endsSeconds }]
}

function revokeMeter(
  state: MemoryMarketState,
  context: MarketContext,
  meter: Address,
  endsSeconds: Seconds,
): MarketEvent[] {
  requireFar(context, endsSeconds)
  if (meter === zeroAddress) throw contractRefusal('ZeroMeter')
  state.revokedMeters.set(meter, endsSeconds)
  return [{ kind: 'MeterRevoked', meter, endsSeconds }]
}

const governedFunctions = ['openEpoch', 'setAuthority', 'setManufacturer', 'revokeMeter']

function decodeCall(call: Hex) {
  try {
    const decoded = decodeFunctionData({ abi: marketAbi, data: call })
    if (governedFunctions.includes(decoded.functionName)) return decoded
  } catch {
    // Refused below, as is every other function.
  }
  throw contractRefusal('UngovernedCall', { selector: call.slice(0, 10) })
}

/** `governance` of the contract. Throws its refusals. */
export function applyGovernance(
  state: MemoryMarketState,
  context: MarketContext,
  { epoch, sequence, call, votes }: Extract<MarketAction, { kind: 'governance' }>,
): MarketEvent[] {
  const { functionName, args } = decodeCall(call)
  requireCurrent(state, epoch)
  const expectedSequence = state.governanceSequence
  if (sequence !== expectedSequence) {
    throw contractRefusal('WrongGovernanceSequence', { sequence, expectedSequence })
  }
  const digest = digestOf(context.market, 'Governance', { epoch, sequence, call })
  requireQuorum(state.committees.get(epoch)!.members, digest, votes)
  state.governanceSequence = expectedSequence + 1n
  if (functionName === 'setAuthority') return setAuthority(state, lowerCase(args[0]), args[1])
  if (functionName === 'setManufacturer') {
    return setManufacturer(state, context, lowerCase(args[0]), seconds(args[1]))
  }
  if (functionName === 'revokeMeter') {
    return revokeMeter(state, context, lowerCase(args[0]), seconds(args[1]))
  }
  if (functionName !== 'openEpoch') return []
  const ends = args[1].map(({ memberIndex, votesRoot, signature64 }) => ({
    member: memberIndex,
    votesRoot,
    signature: signature64,
  }))
  return openEpoch(state, context, args[0].map(lowerCase), ends)
}
