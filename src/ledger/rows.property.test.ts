import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { makeSubmission, partyOf, testMarket } from '../../test/support/tradeFixture.ts'
import { createMemoryStore } from '../adapters/storage/memoryStore.ts'
import { bytesToHex } from '../protocol/bytes.ts'
import { identifyCtp } from '../protocol/ctpSubmission.ts'
import { maxUint32, maxUint40, maxUint96, seconds, wei, wh } from '../protocol/units.ts'
import * as chainRows from './chainRows.ts'
import * as ctpRows from './ctpRow.ts'
import { decodeUndo, Journal } from './journal.ts'
import * as signedRows from './signedRows.ts'

const bytesOf = (length: number) =>
  fc.uint8Array({ minLength: length, maxLength: length }).map(bytesToHex)
const address = bytesOf(20)
const id = bytesOf(32)
const signature = bytesOf(64)
const uint32 = fc.integer({ min: 0, max: maxUint32 })
const energy = uint32.map(wh)
const time = fc.integer({ min: 0, max: maxUint40 }).map(seconds)
const money = fc.bigInt({ min: 0n, max: maxUint96 }).map(wei)
const uint64 = fc.bigInt({ min: 0n, max: 2n ** 64n - 1n })
const count = fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER })

function checkRoundTrip<Row>(
  row: fc.Arbitrary<Row>,
  encode: (row: Row) => Uint8Array,
  decode: (bytes: Uint8Array, row: Row) => Row,
): void {
  fc.assert(
    fc.property(row, (value) => {
      expect(decode(encode(value), value)).toEqual(value)
    }),
    { seed: 1, numRuns: 200 },
  )
}

describe('rows come back as they were written', () => {
  it('live CTPs', () => {
    const live = fc.record({
      ctpId: id,
      number: count,
      consumer: address,
      producer: address,
      offerId: uint64,
      amountWei: money,
      energyWh: energy,
      nonce: uint32,
      expirySeconds: time,
      deliveredWh: energy,
      state: fc.constantFrom('proposed' as const, 'held' as const, 'receipted' as const),
    })
    checkRoundTrip(live, ctpRows.encodeLiveCtp, (bytes, { ctpId }) =>
      ctpRows.decodeLiveCtp(ctpId, bytes),
    )
  })

  it('closed CTPs', () => {
    const closed = fc.record({
      number: count,
      state: fc.constantFrom('settled' as const, 'expired' as const, 'declined' as const),
      deliveredWh: energy,
      wasHeld: fc.boolean(),
    })
    checkRoundTrip(closed, ctpRows.encodeClosedCtp, (bytes) => ctpRows.decodeClosedCtp(bytes))
  })

  it('submitted CTPs, with and without papers and Accept', () => {
    const consumer = partyOf('consumer')
    for (const offerId of [0n, 3n]) {
      const submission = makeSubmission({ consumer, producer: partyOf('producer'), offerId })
      const { meterReadySignature, evidence, acceptSignature } = submission
      const accept = acceptSignature === undefined ? {} : { acceptSignature }
      const { ctp, consumerSignature, ...identified } = identifyCtp(testMarket, submission)
      const bare = { ...identified, ctp, consumerSignature, number: 7 }
      const full = { ...bare, papers: { meterReadySignature, evidence, ...accept } }
      expect(ctpRows.decodeCtpRow(7, ctpRows.encodeCtpRow(full))).toEqual(full)
      expect(ctpRows.decodeCtpRow(7, ctpRows.encodeCtpRow(bare))).toEqual(bare)
    }
  })

  it('nonces, votes, void signatures and receipts', () => {
    const notZero = id.filter((text) => !/^0x0+$/.test(text))
    const nonce = fc.record(
      {
        votedCtpId: notZero,
        certifiedCtpId: notZero,
        isVoidSigned: fc.boolean(),
        isVoided: fc.boolean(),
      },
      { requiredKeys: ['isVoidSigned', 'isVoided'] },
    )
    checkRoundTrip(nonce, signedRows.encodeNonceRow, (bytes) => signedRows.decodeNonceRow(bytes))
    const vote = fc.record({
      member: fc.nat(99),
      signature,
      path: fc.record({ index: fc.nat(63), siblings: fc.array(id, { maxLength: 6 }) }),
    })
    const votes = fc.record({ epoch: uint32, votes: fc.array(vote, { maxLength: 5 }) })
    checkRoundTrip(
      votes,
      (row) => signedRows.encodeVotes(row.epoch, row.votes),
      (bytes) => signedRows.decodeVotes(bytes),
    )
    const member = fc.record({ member: fc.nat(99), signature })
    const voided = fc.record({ epoch: uint32, signatures: fc.array(member, { maxLength: 5 }) })
    checkRoundTrip(
      voided,
      (row) => signedRows.encodeVoidSignatures(row.epoch, row.signatures),
      (bytes) => signedRows.decodeVoidSignatures(bytes),
    )
    const erc = fc.record({ ctpId: id, deliveredWh: energy, measuredAtSeconds: time })
    const receipt = fc.record({ erc, signature })
    checkRoundTrip(receipt, signedRows.encodeReceipt, (bytes, row) =>
      signedRows.decodeReceipt(row.erc.ctpId, bytes),
    )
  })

  it('accounts, offers and settlements', () => {
    const account = fc.record({
      account: address,
      balanceWei: money,
      nonceBase: uint32,
      nonceBitmap: uint64,
      energyWh: uint64,
      requestedWei: money,
      readyAtSeconds: time,
      payout: address,
    })
    checkRoundTrip(account, chainRows.encodeAccountState, (bytes, row) =>
      chainRows.decodeAccountState(row.account, bytes),
    )
    const offer = fc.record({
      offerId: uint64,
      producer: address,
      energyWh: energy,
      priceWeiPerKwh: money as fc.Arbitrary<bigint>,
      isNegotiable: fc.boolean(),
      untilSeconds: time,
      negotiationKey: fc.uint8Array({ maxLength: 65 }).map(bytesToHex),
      isWithdrawn: fc.boolean(),
      soldWh: count,
    })
    checkRoundTrip(offer, chainRows.encodeOffer, (bytes, row) =>
      chainRows.decodeOffer(row.offerId, bytes),
    )
    const settlement = fc.record({
      blockNumber: count,
      transactionHash: id,
      paidWei: money,
      deliveredWh: energy,
      gasShare: uint32,
    })
    checkRoundTrip(settlement, chainRows.encodeSettlement, (bytes) =>
      chainRows.decodeSettlement(bytes),
    )
  })
})

describe('Journal', () => {
  it('takes any sequence of changes back to what was there', () => {
    const change = fc.record({
      bucket: fc.nat(3),
      key: fc.uint8Array({ maxLength: 2 }),
      value: fc.option(fc.uint8Array({ maxLength: 4 }), { nil: undefined }),
    })
    const dump = (store: ReturnType<typeof createMemoryStore>) =>
      [0, 1, 2, 3].map((bucket) => [...store.entries(bucket)])
    fc.assert(
      fc.property(fc.array(change), fc.array(change), (before, later) => {
        const store = createMemoryStore()
        for (const each of before) store.commit([each as never])
        const dumped = dump(store)
        const journal = new Journal(store)
        for (const each of later) {
          journal.put(each as never)
          expect(journal.get(each.bucket, each.key)).toEqual(each.value)
        }
        store.commit(journal.changes())
        store.commit(decodeUndo(journal.encodeUndo()))
        expect(dump(store)).toEqual(dumped)
      }),
      { seed: 1, numRuns: 100 },
    )
  })
})
