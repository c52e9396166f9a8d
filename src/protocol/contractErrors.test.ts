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
