import { beforeEach, describe, expect, it } from 'vitest'
import {
  addBlock,
  committee,
  consumer,
  makeRecords,
  members,
  openLedger,
  submissionOf,
} from '../../test/support/syncFixture.ts'
import { makeReceipt, startSeconds, testMarket } from '../../test/support/tradeFixture.ts'
import { verifyCtpSubmission } from '../protocol/ctpSubmission.ts'
import { verifyHoldCertificate } from '../protocol/holdCertificate.ts'
import { buildMerkleTree } from '../protocol/merkle.ts'
import type { CtpRecord } from '../protocol/nodeMessages.ts'
import { certifyRecord, recordOf } from './ctpRecords.ts'
import { accountStateOf, type LedgerState } from './ledgerState.ts'
import { viewAccount, viewDossier } from './ledgerViews.ts'
import { RecoveryCache } from './recoveryCache.ts'
import { closingOf, recordVote } from './voting.ts'

let cache = new RecoveryCache(testMarket)

beforeEach(() => {
  cache = new RecoveryCache(testMarket)
})

describe('certifyRecord', () => {
  it('P2: holds the money of each CTP of a batch, with the highest receipt', () => {
    const state = openLedger()
    const submissions = [submissionOf(0), submissionOf(1)]
    const [first, second] = makeRecords(submissions)
    const receipt = makeReceipt(testMarket, first!.ctpId, 500, submissions[0]!.meterKey)
    expect(certifyRecord(state, { ...first!, receipt }, cache)).toMatchObject({
      ...{ isCertified: true, isReceipted: true, identified: { ctpId: first!.ctpId } },
    })
    expect(certifyRecord(state, second!, cache)).toMatchObject({
      ...{ isCertified: true, isReceipted: false },
    })
    expect(viewAccount(state, consumer.address)).toMatchObject({ heldWei: 2_000n, nextNonce: 2 })
    expect(viewDossier(state, first!.ctpId).state).toBe('receipted')
    expect(state.tree.size).toBe(2)
  })

  it('takes a record twice as nothing new', () => {
    const state = openLedger()
    const submission = submissionOf()
    const [record] = makeRecords([submission])
    const receipt = makeReceipt(testMarket, record!.ctpId, 100, submission.meterKey)
    certifyRecord(state, { ...record!, receipt }, cache)
    const root = state.tree.root()
    expect(certifyRecord(state, { ...record!, receipt }, cache)).toMatchObject({
      ...{ isCertified: false, isReceipted: false },
    })
    expect(state.tree.root()).toEqual(root)
  })

  it('keeps exactly a quorum of votes, and hands out what it took in', () => {
    const state = openLedger()
    const submission = submissionOf()
    const [record] = makeRecords([submission], [0, 1, 2, 3])
    const receipt = makeReceipt(testMarket, record!.ctpId, 100, submission.meterKey)
    certifyRecord(state, { ...record!, receipt }, cache)
    const kept = recordOf(state, record!.ctpId)
    expect(kept?.receipt).toEqual(receipt)
    expect(kept?.certificate.votes.map(({ member }) => member)).toEqual([0, 1, 2])
    const identified = verifyHoldCertificate(testMarket, committee, kept!.certificate)
    expect(identified.ctpId).toBe(record!.ctpId)
  })

  it('turns a CTP that this member voted for into a held one', () => {
    const state = openLedger()
    const submission = submissionOf()
    recordVote(state, verifyCtpSubmission(testMarket, submission))
    const [record] = makeRecords([submission])
    expect(recordOf(state, record!.ctpId)).toBeUndefined()
    certifyRecord(state, record!, cache)
    expect(viewAccount(state, consumer.address)).toMatchObject({ heldWei: 1_000n, liveCtps: 1 })
  })

  it('P2: closes the nonce by a certificate that comes after its CTP ended', () => {
    const state = openLedger()
    const submission = submissionOf()
    recordVote(state, verifyCtpSubmission(testMarket, submission))
    const [record] = makeRecords([submission])
    addBlock(state, { timeSeconds: startSeconds + 900 + 601 })
    const chain = accountStateOf(state, consumer.address)
    expect(state.accounts.nextNonceOf(consumer.address, chain)).toBe(0)
    expect(certifyRecord(state, record!, cache).isCertified).toBe(true)
    expect(state.accounts.nextNonceOf(consumer.address, chain)).toBe(1)
    expect(closingOf(state, consumer.address, 0)).toMatchObject({ ctpId: record!.ctpId })
    expect(viewAccount(state, consumer.address).heldWei).toBe(0n)
    expect(recordOf(state, record!.ctpId)).toBeDefined()
    expect(certifyRecord(state, record!, cache).isCertified).toBe(false)
  })

  it('holds nothing for a CTP that is past expiry and grace, and takes no receipt of it', () => {
    const state = openLedger()
    const submission = submissionOf()
    const [record] = makeRecords([submission])
    addBlock(state, { timeSeconds: startSeconds + 900 + 601 })
    const receipt = makeReceipt(testMarket, record!.ctpId, 500, submission.meterKey)
    const outcome = certifyRecord(state, { ...record!, receipt }, cache)
    expect(outcome).toMatchObject({ isCertified: true, isReceipted: false })
    expect(viewAccount(state, consumer.address)).toMatchObject({ heldWei: 0n, nextNonce: 1 })
    expect(state.tree.size).toBe(0)
  })
})

describe('records that no correct node keeps', () => {
  const codeOf = (state: LedgerState, record: CtpRecord) => {
    const root = state.tree.root()
    try {
      certifyRecord(state, record, cache)
    } catch (error) {
      expect(state.tree.root()).toEqual(root)
      return (error as { code: string }).code
    }
    return undefined
  }

  it('are refused with the code of what is wrong', () => {
    const state = openLedger()
    const submission = submissionOf()
    const [record] = makeRecords([submission])
    const [few] = makeRecords([submission], [0, 1])
    const [other] = makeRecords([submission], [0, 1, 2], 2)
    expect(codeOf(state, few!)).toBe('certificate/too-few-votes')
    expect(codeOf(state, other!)).toBe('certificate/wrong-epoch')
    const { certificate } = record!
    const [a, b, c] = certificate.votes
    const withVotes = (votes: typeof certificate.votes) => ({
      certificate: { ...certificate, votes },
    })
    expect(codeOf(state, withVotes([b!, a!, c!]))).toBe('certificate/vote-order')
    const stolen = { ...c!, signature: b!.signature }
    expect(codeOf(state, withVotes([a!, b!, stolen]))).toBe('signature/invalid')
    const astray = { ...c!, path: { index: 1, siblings: [] } }
    expect(codeOf(state, withVotes([a!, b!, astray]))).toBe('merkle/invalid-path')
    expect(codeOf(state, record!)).toBeUndefined()
  })

  it('cannot use a vote for another CTP, however often it was seen', () => {
    const state = openLedger()
    const [first] = makeRecords([submissionOf(0)])
    const [second] = makeRecords([submissionOf(1)])
    certifyRecord(state, first!, cache)
    const { votes } = first!.certificate
    const forged = { certificate: { ...second!.certificate, votes } }
    expect(codeOf(state, forged)).toBe('signature/invalid')
  })

  it('cannot bring a receipt of another CTP or by another key', () => {
    const state = openLedger()
    const submissions = [submissionOf(0), submissionOf(1)]
    const [first, second] = makeRecords(submissions)
    const [key] = submissions.map(({ meterKey }) => meterKey)
    certifyRecord(state, first!, cache)
    const stray = makeReceipt(testMarket, second!.ctpId, 100, key!)
    expect(codeOf(state, { ...first!, receipt: stray })).toBe('erc/unknown-ctp')
    const forged = makeReceipt(testMarket, first!.ctpId, 100, consumer)
    expect(codeOf(state, { ...first!, receipt: forged })).toBe('erc/wrong-key')
  })
})

describe('RecoveryCache', () => {
  it('answers for epoch, root and signature together, also when it forgot them', () => {
    const [record] = makeRecords([submissionOf()])
    const { signature } = record!.certificate.votes[0]!
    const root = buildMerkleTree([record!.ctpId]).root
    expect(cache.signerOf(1, root, signature)).toBe(members[0]!.address)
    expect(cache.signerOf(2, root, signature)).not.toBe(members[0]!.address)
    expect(cache.signerOf(1, record!.ctpId, signature)).not.toBe(members[0]!.address)
    expect(cache.signerOf(1, root, signature)).toBe(members[0]!.address)
    for (let index = 0; index < 8_200; index++) {
      expect(cache.signerOf(1, root, `0x${index}`)).toBeUndefined()
    }
    expect(cache.signerOf(1, root, signature)).toBe(members[0]!.address)
  })
})
