import { decodeEventLog, type Log } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { ChainEvent } from '../../ports/chain.ts'
import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds, wei, wh } from '../../protocol/units.ts'

/** What only the transaction of a settlement tells: its event does not repeat it. */
export type SettlementContext = { items?: Hex; gasUsed: bigint; calldataBytes: number }

type Place = { blockNumber: number; transactionHash: Bytes32 }

/** Addresses are lower case everywhere in SPB, so that equal ones are equal strings. */
export const lowerCase = (address: string): Address => address.toLowerCase() as Address

function placeOf(log: Log): Place {
  if (log.blockNumber === null || log.transactionHash === null) {
    throw new SpbError('chain/unreachable', 'The Ethereum client gave a log without its block.')
  }
  return { blockNumber: Number(log.blockNumber), transactionHash: log.transactionHash }
}

function decodeContent(log: Log) {
  try {
    const topics = log.topics as [Hex, ...Hex[]]
    return decodeEventLog({ abi: marketAbi, data: log.data, topics, strict: true })
  } catch (cause) {
    throw new SpbError('chain/no-contract', 'The contract’s events are not those of a market.', {
      hint: 'Check the address; a newer market needs a newer SPB.',
      cause,
    })
  }
}

type Content = ReturnType<typeof decodeContent>
type ContentOf<Name extends Content['eventName']> = Extract<Content, { eventName: Name }>['args']

function moneyEvent(place: Place, { eventName: kind, args }: Content): ChainEvent | undefined {
  switch (kind) {
    case 'Deposited': {
      const [account, from] = [lowerCase(args.account), lowerCase(args.from)]
      return { ...place, kind, account, from, amountWei: wei(args.amountWei) }
    }
    case 'WithdrawalRequested': {
      const [requestedWei, readyAtSeconds] = [wei(args.requestedWei), seconds(args.readyAtSeconds)]
      return { ...place, kind, account: lowerCase(args.account), requestedWei, readyAtSeconds }
    }
    case 'WithdrawalCancelled':
      return { ...place, kind, account: lowerCase(args.account) }
    case 'Withdrawn': {
      const [account, to] = [lowerCase(args.account), lowerCase(args.to)]
      return { ...place, kind, account, to, amountWei: wei(args.amountWei) }
    }
    case 'PayoutFixed':
      return { ...place, kind, account: lowerCase(args.account), payout: lowerCase(args.payout) }
    default:
      return undefined
  }
}

function offerAdded(place: Place, args: ContentOf<'OfferAdded'>): ChainEvent {
  return {
    ...place,
    kind: 'OfferAdded',
    offerId: args.offerId,
    producer: lowerCase(args.producer),
    energyWh: wh(args.energyWh),
    priceWeiPerKwh: args.priceWeiPerKwh,
    isNegotiable: args.isNegotiable,
    untilSeconds: seconds(args.untilSeconds),
    negotiationKey: args.negotiationKey,
  }
}

function energyEvent(place: Place, { eventName: kind, args }: Content): ChainEvent | undefined {
  switch (kind) {
    case 'EnergyAccountOpened': {
      const [account, authority] = [lowerCase(args.account), lowerCase(args.authority)]
      return { ...place, kind, account, authority, burnedWei: wei(args.burnedWei) }
    }
    case 'OfferAdded':
      return offerAdded(place, args)
    case 'OfferWithdrawn':
      return { ...place, kind, offerId: args.offerId, producer: lowerCase(args.producer) }
    default:
      return undefined
  }
}

function governanceEvent(place: Place, { eventName: kind, args }: Content): ChainEvent | undefined {
  switch (kind) {
    case 'EpochEnded': {
      const ends = args.ends.map(({ memberIndex, votesRoot, signature64 }) => ({
        member: memberIndex,
        votesRoot,
        signature: signature64,
      }))
      return { ...place, kind, epoch: args.epoch, ends }
    }
    case 'EpochOpened':
      return { ...place, kind, epoch: args.epoch, members: args.members.map(lowerCase) }
    case 'AuthoritySet': {
      const authority = lowerCase(args.authority)
      return { ...place, kind, authority, isTrusted: args.isTrusted }
    }
    case 'ManufacturerSet': {
      const manufacturer = lowerCase(args.manufacturer)
      return { ...place, kind, manufacturer, endsSeconds: seconds(args.endsSeconds) }
    }
    case 'MeterRevoked': {
      const endsSeconds = seconds(args.endsSeconds)
      return { ...place, kind, meter: lowerCase(args.meter), endsSeconds }
    }
    default:
      return undefined
  }
}

function settled(place: Place, args: ContentOf<'Settled'>, context: SettlementContext): ChainEvent {
  return {
    ...place,
    kind: 'Settled',
    epoch: args.epoch,
    sequence: args.sequence,
    beneficiary: lowerCase(args.beneficiary),
    itemsHash: args.itemsHash,
    settledBitmap: args.settledBitmap,
    databaseRoot: args.databaseRoot,
    ...context,
  }
}

function settledWithProof(
  place: Place,
  args: ContentOf<'SettledWithProof'>,
  { gasUsed }: SettlementContext,
): ChainEvent {
  return {
    ...place,
    kind: 'SettledWithProof',
    ctpId: args.ctpId,
    consumer: lowerCase(args.consumer),
    producer: lowerCase(args.producer),
    offerId: args.offerId,
    nonce: args.nonce,
    deliveredWh: wh(args.deliveredWh),
    paymentWei: wei(args.paymentWei),
    gasUsed,
  }
}

function tradeEvent(
  place: Place,
  { eventName: kind, args }: Content,
  contexts: ReadonlyMap<Bytes32, SettlementContext>,
): ChainEvent | undefined {
  if (kind === 'Declined') {
    const [consumer, producer] = [lowerCase(args.consumer), lowerCase(args.producer)]
    return { ...place, kind, ctpId: args.ctpId, consumer, producer, nonce: args.nonce }
  }
  if (kind !== 'Settled' && kind !== 'SettledWithProof') return undefined
  const context = contexts.get(place.transactionHash)
  if (context === undefined) {
    throw new SpbError('chain/unreachable', 'A settlement’s transaction is not to be had.')
  }
  return kind === 'Settled' ? settled(place, args, context) : settledWithProof(place, args, context)
}

/**
 * One log of a market as an event.
 *
 * `contexts` holds what is known of settlements' transactions, by hash. Throws
 * `chain/no-contract` for a log that a market of this version cannot have made.
 */
export function decodeMarketLog(
  log: Log,
  contexts: ReadonlyMap<Bytes32, SettlementContext>,
): ChainEvent {
  const place = placeOf(log)
  const content = decodeContent(log)
  const event =
    moneyEvent(place, content) ??
    energyEvent(place, content) ??
    governanceEvent(place, content) ??
    tradeEvent(place, content, contexts)
  if (event === undefined) {
    throw new SpbError('chain/no-contract', `This version does not know ${content.eventName}.`)
  }
  return event
}
