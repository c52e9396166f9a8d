import type { MarketAction } from '../../ports/marketAction.ts'
import type { Address } from '../../protocol/bytes.ts'
import { zeroAddress } from '../../protocol/bytes.ts'
import { contractRefusal } from '../../protocol/contractErrors.ts'
import { digestOf } from '../../protocol/digest.ts'
import { recoverSigner } from '../../protocol/signature.ts'
import { maxUint96, type Seconds, seconds, type Wei, wei } from '../../protocol/units.ts'
import { applyGovernance } from './memoryGovernance.ts'
import {
  accountOf,
  changeAccount,
  type MarketContext,
  type MarketEvent,
  type MemoryMarketState,
} from './memoryMarket.ts'
import { applyDecline, applyProof } from './memoryProof.ts'

type ActionOf<Kind extends MarketAction['kind']> = Extract<MarketAction, { kind: Kind }>
type State = MemoryMarketState

const maxUint64 = 2n ** 64n - 1n
const longestKeyBytes = 65

function deposit(state: State, { from }: MarketContext, account: Address, amountWei: Wei) {
  if (amountWei === 0n) throw contractRefusal('ZeroAmount')
  if (account === zeroAddress) throw contractRefusal('ZeroAccount')
  const etherWei = state.etherWei + amountWei
  if (etherWei > maxUint96) throw contractRefusal('MarketFull', { etherWei })
  state.etherWei = etherWei
  const balanceWei = wei(accountOf(state, account).balanceWei + amountWei)
  changeAccount(state, account, { balanceWei })
  return { kind: 'Deposited', account, from, amountWei } satisfies MarketEvent
}

function requestWithdrawal(state: State, context: MarketContext, requestedWei: Wei): MarketEvent {
  const { from: account, timeSeconds, options } = context
  if (requestedWei === 0n) throw contractRefusal('ZeroAmount')
  const before = accountOf(state, account)
  const isMore = requestedWei > before.requestedWei
  const later = seconds(timeSeconds + options.withdrawalDelaySeconds)
  const readyAtSeconds: Seconds = isMore ? later : before.readyAtSeconds
  changeAccount(state, account, { requestedWei, readyAtSeconds })
  return { kind: 'WithdrawalRequested', account, requestedWei, readyAtSeconds }
}

const noRequest = { requestedWei: wei(0n), readyAtSeconds: seconds(0) }

function cancelWithdrawal(state: State, { from: account }: MarketContext): MarketEvent {
  if (accountOf(state, account).requestedWei === 0n) throw contractRefusal('NoWithdrawalRequested')
  changeAccount(state, account, noRequest)
  return { kind: 'WithdrawalCancelled', account }
}

function withdraw(state: State, { from: account, timeSeconds }: MarketContext): MarketEvent {
  const { requestedWei, balanceWei, readyAtSeconds, payout } = accountOf(state, account)
  if (requestedWei === 0n || balanceWei === 0n) {
    throw contractRefusal('NothingToWithdraw', { requestedWei, balanceWei })
  }
  if (timeSeconds < readyAtSeconds) throw contractRefusal('WithdrawalNotReady', { readyAtSeconds })
  const isCovered = requestedWei <= balanceWei
  const amountWei = isCovered ? requestedWei : balanceWei
  changeAccount(state, account, { ...noRequest, balanceWei: wei(balanceWei - amountWei) })
  state.etherWei -= amountWei
  return { kind: 'Withdrawn', account, to: payout === zeroAddress ? account : payout, amountWei }
}

function fixPayout(state: State, context: MarketContext, payout: Address): MarketEvent {
  const { from: account, market } = context
  if (payout === zeroAddress || payout === market.address) {
    throw contractRefusal('InvalidPayout', { payout })
  }
  const before = accountOf(state, account).payout
  if (before !== zeroAddress) throw contractRefusal('PayoutAlreadyFixed', { payout: before })
  changeAccount(state, account, { payout })
  return { kind: 'PayoutFixed', account, payout }
}

function openEnergyAccount(state: State, account: Address, authority: Address, burnedWei: Wei) {
  if (state.energyAccounts.has(account)) {
    throw contractRefusal('EnergyAccountAlreadyOpen', { account })
  }
  state.energyAccounts.add(account)
  return { kind: 'EnergyAccountOpened', account, authority, burnedWei } satisfies MarketEvent
}

function burn(state: State, { from, options }: MarketContext, sentWei: Wei): MarketEvent {
  const { burnWei } = options
  if (sentWei < burnWei) throw contractRefusal('BurnTooSmall', { sentWei, burnWei })
  return openEnergyAccount(state, from, zeroAddress, sentWei)
}

function showCertificate(
  state: State,
  { from: account, market, timeSeconds }: MarketContext,
  { authority, notAfterSeconds, signature }: ActionOf<'openEnergyAccountWithCertificate'>,
): MarketEvent {
  if (!state.authorities.has(authority)) throw contractRefusal('UnknownAuthority', { authority })
  if (timeSeconds > notAfterSeconds) {
    throw contractRefusal('CertificateExpired', { notAfterSeconds })
  }
  const digest = digestOf(market, 'EnergyAccountCertificate', { account, notAfterSeconds })
  if (recoverSigner(digest, signature) !== authority) {
    throw contractRefusal('InvalidCertificate', { authority })
  }
  return openEnergyAccount(state, account, authority, wei(0n))
}

function addEnergy(
  state: State,
  { from: producer, timeSeconds }: MarketContext,
  { kind: _, ...terms }: ActionOf<'addEnergy'>,
): MarketEvent {
  const { energyWh, untilSeconds, negotiationKey } = terms
  if (!state.energyAccounts.has(producer)) {
    throw contractRefusal('NoEnergyAccount', { account: producer })
  }
  if (energyWh === 0) throw contractRefusal('ZeroEnergy')
  if (untilSeconds <= timeSeconds) throw contractRefusal('OfferAlreadyOver', { untilSeconds })
  const length = (negotiationKey.length - 2) / 2
  if (length > longestKeyBytes) throw contractRefusal('NegotiationKeyTooLong', { length })
  const offerId = BigInt(state.offers.size + 1)
  state.offers.set(offerId, { producer, energyWh, untilSeconds, isOpen: true })
  const sum = accountOf(state, producer).energyWh + BigInt(energyWh)
  changeAccount(state, producer, { energyWh: sum < maxUint64 ? sum : maxUint64 })
  return { kind: 'OfferAdded', offerId, producer, ...terms }
}

function withdrawOffer(state: State, { from }: MarketContext, offerId: bigint): MarketEvent {
  const offer = state.offers.get(offerId)
  if (!offer?.isOpen) throw contractRefusal('OfferNotOpen', { offerId })
  const { producer } = offer
  if (producer !== from) throw contractRefusal('NotOfferProducer', { offerId, producer })
  state.offers.set(offerId, { ...offer, isOpen: false })
  const left = accountOf(state, producer).energyWh - BigInt(offer.energyWh)
  changeAccount(state, producer, { energyWh: left > 0n ? left : 0n })
  return { kind: 'OfferWithdrawn', offerId, producer }
}

/** What an action does to the state, and the events it makes. Throws the contract's refusals. */
export function applyAction(
  state: MemoryMarketState,
  context: MarketContext,
  action: MarketAction,
): MarketEvent[] {
  switch (action.kind) {
    case 'deposit':
      return [deposit(state, context, context.from, action.amountWei)]
    case 'depositFor':
      return [deposit(state, context, action.account, action.amountWei)]
    case 'requestWithdrawal':
      return [requestWithdrawal(state, context, action.amountWei)]
    case 'cancelWithdrawal':
      return [cancelWithdrawal(state, context)]
    case 'withdraw':
      return [withdraw(state, context)]
    case 'fixPayout':
      return [fixPayout(state, context, action.payout)]
    case 'openEnergyAccount':
      return [burn(state, context, action.burnedWei)]
    case 'openEnergyAccountWithCertificate':
      return [showCertificate(state, context, action)]
    case 'addEnergy':
      return [addEnergy(state, context, action)]
    case 'withdrawOffer':
      return [withdrawOffer(state, context, action.offerId)]
    case 'settleWithProof':
      return [applyProof(state, context, action)]
    case 'decline':
      return [applyDecline(state, context, action)]
    case 'governance':
      return applyGovernance(state, context, action)
  }
}
