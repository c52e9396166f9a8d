import { describe, expect, it } from 'vitest'
import {
  addressFor,
  bytes32For,
  keyOf,
  makeCommittee,
  makeHoldCertificate,
  makeSubmission,
  makeVote,
  market,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Hex } from './bytes.ts'
import {
  ctpsRootOf,
  decodeHoldCertificate,
  encodeHoldCertificate,
  type HoldCertificate,
  recoverVoter,
  type VoidCertificate,
  verifyHoldCertificate,
  verifyVoidCertificate,
} from './holdCertificate.ts'
import { buildMerkleTree } from './merkle.ts'
import { signMessage } from './signature.ts'
import { wei } from './units.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const committee = makeCommittee(4)
const { ctpId, consumer } = makeSubmission()
const zeros: Hex = bytesToHex(new Uint8Array(64))

function batchWith(id: Hex, count: number, index: number): Hex[] {
  const ids = Array.from({ length: count }, (_, each) => bytes32For(`ctp ${each}`))
  return ids.with(index, id)
}

function verify(certificate: HoldCertificate, by = committee) {
  return verifyHoldCertificate(market, by, certificate)
}

describe('ctpsRootOf', () => {
  it('is the leaf hash of a single CTP, else the tree’s root', () => {
    expect(ctpsRootOf(ctpId, { index: 0, siblings: [] })).toBe(buildMerkleTree([ctpId]).root)
    const ids = batchWith(ctpId, 64, 63)
    const tree = buildMerkleTree(ids)
    expect(ctpsRootOf(ctpId, tree.pathOf(63))).toBe(tree.root)
  })

  it('refuses a path of more than 64 CTPs, and an index beyond it', () => {
    const siblings = Array.from({ length: 7 }, () => bytes32For('sibling'))
    const invalid = refusal('merkle/invalid-path')
    expect(() => ctpsRootOf(ctpId, { index: 0, siblings })).toThrow(invalid)
    expect(() => ctpsRootOf(ctpId, { index: 64, siblings: siblings.slice(1) })).toThrow(invalid)
    expect(() => ctpsRootOf(ctpId, { index: 1, siblings: [] })).toThrow(invalid)
  })
})

describe('recoverVoter', () => {
  it('finds the member who voted, alone or in a batch', () => {
    expect(recoverVoter(market, 3, ctpId, makeVote(2, [ctpId], 0))).toBe(addressFor('member 2'))
    const vote = makeVote(2, batchWith(ctpId, 5, 4), 4)
    expect(recoverVoter(market, 3, ctpId, vote)).toBe(addressFor('member 2'))
  })

  it('finds another or nobody for another CTP, epoch, market or signature', () => {
    const vote = makeVote(2, [ctpId], 0)
    const member = addressFor('member 2')
    expect(recoverVoter(market, 3, bytes32For('other'), vote)).not.toBe(member)
    expect(recoverVoter(market, 4, ctpId, vote)).not.toBe(member)
    expect(recoverVoter(sameAddressOtherChain, 3, ctpId, vote)).not.toBe(member)
    expect(recoverVoter(market, 3, ctpId, { ...vote, signature: zeros })).toBeUndefined()
  })
})

describe('verifyHoldCertificate', () => {
  it.each([[[0, 1, 2]], [[0, 2, 3]], [[0, 1, 2, 3]]])('takes votes of %j', (members) => {
    expect(verify(makeHoldCertificate(members))).toMatchObject({ ctpId, consumer })
  })

  it('takes the single vote of a committee of one', () => {
    expect(verify(makeHoldCertificate([0]), makeCommittee(1))).toMatchObject({ ctpId })
  })

  it('takes votes of different batches', () => {
    const certificate = makeHoldCertificate([])
    const votes = [
      makeVote(0, [ctpId], 0),
      makeVote(1, batchWith(ctpId, 3, 2), 2),
      makeVote(3, batchWith(ctpId, 64, 17), 17),
    ]
    expect(verify({ ...certificate, votes })).toMatchObject({ ctpId, consumer })
  })

  it('refuses another epoch than the committee’s', () => {
    const wrongEpoch = refusal('certificate/wrong-epoch')
    expect(() => verify(makeHoldCertificate([0, 1, 2], 2))).toThrow(wrongEpoch)
    expect(() => verify(makeHoldCertificate([0, 1, 2]), makeCommittee(4, 4))).toThrow(wrongEpoch)
  })

  it('refuses votes of another epoch under the committee’s', () => {
    const certificate = { ...makeHoldCertificate([0, 1, 2], 2), epoch: 3 }
    expect(() => verify(certificate)).toThrow(refusal('signature/invalid'))
  })

  it.each([
    [[0, 1], 'certificate/too-few-votes'],
    [[], 'certificate/too-few-votes'],
    [[0, 2, 1], 'certificate/vote-order'],
    [[0, 1, 1], 'certificate/vote-order'],
    [[0, 1, 4], 'certificate/vote-order'],
  ])('refuses votes of %j with %s', (members, code) => {
    expect(() => verify(makeHoldCertificate(members))).toThrow(refusal(code))
  })

  it('refuses a vote for another CTP, and says whose', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const votes = certificate.votes.with(1, makeVote(1, [bytes32For('other')], 0))
    expect(() => verify({ ...certificate, votes })).toThrow(
      expect.objectContaining({
        code: 'signature/invalid',
        message: 'Member 1 did not vote for this CTP.',
      }),
    )
  })

  it('refuses a batch’s vote with the path of another of its CTPs', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const vote = makeVote(1, batchWith(ctpId, 4, 2), 3)
    expect(() => verify({ ...certificate, votes: certificate.votes.with(1, vote) })).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('refuses one member’s vote in another’s name', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const votes = certificate.votes.with(2, { ...certificate.votes[1]!, member: 2 })
    expect(() => verify({ ...certificate, votes })).toThrow(refusal('signature/invalid'))
  })

  it('refuses a vote whose path is longer than a batch is high', () => {
    const siblings = Array.from({ length: 7 }, () => bytes32For('sibling'))
    const certificate = makeHoldCertificate([0, 1, 2])
    const vote = { ...certificate.votes[0]!, path: { index: 0, siblings } }
    expect(() => verify({ ...certificate, votes: certificate.votes.with(0, vote) })).toThrow(
      refusal('merkle/invalid-path'),
    )
  })

  it('refuses votes for what another consumer signed', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const { consumerSignature } = makeSubmission({ consumer: 'other' }).submission
    expect(() => verify({ ...certificate, consumerSignature })).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('refuses a CTP that can never be valid', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const ctp = { ...certificate.ctp, amountWei: wei(0n) }
    expect(() => verify({ ...certificate, ctp })).toThrow(refusal('input/amount'))
    expect(() => verify({ ...certificate, consumerSignature: zeros })).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('refuses a certificate of another chain (P5)', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    expect(() => verifyHoldCertificate(sameAddressOtherChain, committee, certificate)).toThrow(
      refusal('signature/invalid'),
    )
  })
})

describe('encodeHoldCertificate', () => {
  it('writes only what a certificate has, also of an object that has more', () => {
    const certificate = makeHoldCertificate([0, 1, 2])
    const richer = {
      ...certificate,
      ctpId,
      consumer,
      votes: certificate.votes.map((vote) => ({ ...vote, receivedAtMs: 1 })),
    }
    expect(decodeHoldCertificate(encodeHoldCertificate(richer))).toEqual(certificate)
  })
})

describe('verifyVoidCertificate', () => {
  const subject = { epoch: 3, account: consumer, nonce: 5 }

  function makeVoid(members: readonly number[], signed = subject): VoidCertificate {
    const signatures = members.map((member) => ({
      member,
      signature: signMessage(market, 'NonceVoid', signed, keyOf(`member ${member}`)),
    }))
    return { ...subject, signatures }
  }

  it('takes a quorum', () => {
    expect(() => verifyVoidCertificate(market, committee, makeVoid([0, 1, 3]))).not.toThrow()
  })

  it.each([
    [[0, 1], 'certificate/too-few-votes'],
    [[1, 0, 2], 'certificate/vote-order'],
    [[0, 0, 1], 'certificate/vote-order'],
    [[0, 1, 4], 'certificate/vote-order'],
  ])('refuses signatures of %j with %s', (members, code) => {
    expect(() => verifyVoidCertificate(market, committee, makeVoid(members))).toThrow(refusal(code))
  })

  it('refuses another epoch than the committee’s', () => {
    const other = makeCommittee(4, 4)
    expect(() => verifyVoidCertificate(market, other, makeVoid([0, 1, 2]))).toThrow(
      refusal('certificate/wrong-epoch'),
    )
  })

  it.each([
    ['epoch', { ...subject, epoch: 4 }],
    ['account', { ...subject, account: addressFor('other') }],
    ['nonce', { ...subject, nonce: 6 }],
  ])('refuses signatures over another %s', (_name, signed) => {
    expect(() => verifyVoidCertificate(market, committee, makeVoid([0, 1, 2], signed))).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('refuses a certificate of another chain (P5)', () => {
    const certificate = makeVoid([0, 1, 2])
    expect(() => verifyVoidCertificate(sameAddressOtherChain, committee, certificate)).toThrow(
      refusal('signature/invalid'),
    )
  })
})
