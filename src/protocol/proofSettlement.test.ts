import { describe, expect, it } from 'vitest'
import {
  bytes32For,
  keyOf,
  makeCommittee,
  makeHoldCertificate,
  makeSubmission,
  makeVote,
  market,
} from '../../test/protocol/tradeFixture.ts'
import type { Hex } from './bytes.ts'
import { packDecline, packProofVotes, packSettleWithProof } from './proofSettlement.ts'
import { packBatch } from './settlementBatch.ts'
import { signMessage } from './signature.ts'
import type { SignedErc } from './signedErc.ts'
import { seconds, wh } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const { ctpId } = makeSubmission()
const committee = makeCommittee(4)
const certificate = makeHoldCertificate([0, 2, 3])
const erc = { ctpId, deliveredWh: wh(1499), measuredAtSeconds: seconds(1_899_999_999) }
const signed: SignedErc = { erc, signature: signMessage(market, 'Erc', erc, keyOf('meter 2')) }

describe('packProofVotes', () => {
  it('writes every field at its place', () => {
    const signature: Hex = `0x${'ab'.repeat(64)}`
    const siblings = [bytes32For('lower'), bytes32For('upper')]
    const votes = [
      { member: 1, signature, path: { index: 3, siblings } },
      { member: 99, signature, path: { index: 0, siblings: [] } },
    ]
    const sides = siblings.map((hash) => hash.slice(2)).join('')
    const first = `01${'ab'.repeat(64)}0302${sides}`
    expect(packProofVotes(votes)).toBe(`0x${first}63${'ab'.repeat(64)}0000`)
  })

  it('takes the last of 64 CTPs, and 67 bytes with 32 a level', () => {
    const ids = Array.from({ length: 64 }, (_, each) => bytes32For(`ctp ${each}`))
    const packed = packProofVotes([makeVote(2, ids, 63)])
    expect(packed).toHaveLength(2 + 2 * (67 + 6 * 32))
    expect(packed.slice(2 + 2 * 65, 2 + 2 * 67)).toBe('3f06')
  })

  it.each([
    ['an index beyond the tree', { index: 2, siblings: [bytes32For('sibling')] }],
    ['a tree of 128', { index: 0, siblings: Array.from({ length: 7 }, () => bytes32For('s')) }],
  ])('takes %s for a bug', (_name, path) => {
    const vote = { member: 0, signature: signed.signature, path }
    expect(() => packProofVotes([vote])).toThrow('fits its tree')
  })
})

describe('packSettleWithProof', () => {
  it('packs item, votes and receipt', () => {
    const { ctp, consumerSignature } = certificate
    expect(packSettleWithProof(committee, certificate, signed)).toEqual({
      epoch: 3,
      item: packBatch([{ ctp, consumerSignature, deliveredWh: wh(1499) }]),
      votes: packProofVotes(certificate.votes),
      measuredAtSeconds: 1_899_999_999,
      ercSignature: signed.signature,
    })
  })

  it('leaves out votes beyond a quorum', () => {
    const all = makeHoldCertificate([0, 1, 2, 3])
    const { votes } = packSettleWithProof(committee, all, signed)
    expect(votes).toBe(packProofVotes(all.votes.slice(0, 3)))
  })

  it('refuses the votes of another epoch, too few, and in no order', () => {
    const pack = (members: number[], epoch = 3) =>
      packSettleWithProof(committee, makeHoldCertificate(members, epoch), signed)
    expect(() => pack([0, 1, 2], 4)).toThrow(refusal('certificate/wrong-epoch'))
    expect(() => pack([0, 1])).toThrow(refusal('certificate/too-few-votes'))
    expect(() => pack([1, 0, 2])).toThrow(refusal('certificate/vote-order'))
  })
})

describe('packDecline', () => {
  it('packs the trade with nothing delivered', () => {
    const { ctp, consumerSignature, votes } = certificate
    expect(packDecline(committee, certificate)).toEqual({
      epoch: 3,
      item: packBatch([{ ctp, consumerSignature, deliveredWh: wh(0) }]),
      votes: packProofVotes(votes),
    })
  })
})
