import { expect, test } from 'vitest'
import { marketAbi } from '../abi/market.ts'
import { marketFactoryAbi } from '../abi/marketFactory.ts'
import { contractErrors, contractRefusal } from './contractErrors.ts'

test('explains every error of the contracts, and no other', () => {
  const abi = [...marketAbi, ...marketFactoryAbi]
  const names = abi.flatMap((entry) => (entry.type === 'error' ? [entry.name] : []))
  expect(Object.keys(contractErrors).sort()).toEqual([...new Set(names)].sort())
})

test('makes a refusal with the error’s name, arguments and hint', () => {
  const refusal = contractRefusal('OfferNotOpen', { offerId: 7n })
  expect(refusal.toJSON()).toEqual({
    code: 'offer/closed',
    message: 'The offer was withdrawn, or never made. (OfferNotOpen: offerId 7)',
    hint: 'List what is for sale: spb offers.',
    meta: { contractError: 'OfferNotOpen', offerId: '7' },
  })
  expect(contractRefusal('Newer')).toMatchObject({
    code: 'chain/reverted',
    message: 'The contract refused the transaction. (Newer)',
  })
})

test.each([
  ['ZeroManufacturer', 'input/address'],
  ['ZeroMeter', 'input/address'],
  ['EndTooNear', 'input/time'],
  ['InvalidItemLength', 'chain/reverted'],
  ['ZeroProducer', 'input/address'],
  ['ZeroTradedEnergy', 'input/energy'],
  ['AmountTooSmall', 'ctp/amount-too-small'],
  ['TradeOver', 'proof/too-late'],
  ['InvalidConsumerSignature', 'signature/invalid'],
  ['SelfTrade', 'ctp/self-trade'],
  ['NothingDelivered', 'erc/zero'],
  ['DeliveryDeclined', 'input/energy'],
  ['NotProducer', 'proof/not-producer'],
  ['PartTooEarly', 'proof/too-early'],
  ['InvalidErc', 'erc/wrong-key'],
  ['NonceUsed', 'proof/nonce-used'],
  ['BalanceTooSmall', 'ctp/insufficient-balance'],
  ['UnknownEpoch', 'certificate/wrong-epoch'],
  ['EpochTooOld', 'certificate/wrong-epoch'],
  ['InvalidHoldVotesLength', 'chain/reverted'],
  ['InvalidVotePath', 'merkle/invalid-path'],
])('%s of the proof path is %s', (contractError, code) => {
  expect(contractRefusal(contractError).code).toBe(code)
})
