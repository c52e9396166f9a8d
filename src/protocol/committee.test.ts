import { describe, expect, it } from 'vitest'
import {
  bytes32For,
  keyOf,
  makeCommittee,
  market,
  sameAddressOtherChain,
} from '../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Signature } from './bytes.ts'
import {
  checkVoteSet,
  faultsOf,
  type MemberSignature,
  packSignatures,
  quorumOf,
  verifyQuorum,
} from './committee.ts'
import { signMessage } from './signature.ts'

const refusal = (code: string) => expect.objectContaining({ name: 'SpbError', code })
const votesOf = (...members: number[]) => members.map((member) => ({ member }))
const message = { epoch: 3, votesRoot: bytes32For('votes') }
const zeros: Signature = bytesToHex(new Uint8Array(64))

function sign(...members: number[]): MemberSignature[] {
  return members.map((member) => ({
    member,
    signature: signMessage(market, 'EpochEnd', message, keyOf(`member ${member}`)),
  }))
}

describe('faultsOf and quorumOf', () => {
  it.each([
    [1, 0, 1],
    [4, 1, 3],
    [7, 2, 5],
    [10, 3, 7],
    [100, 33, 67],
  ])('of %i members: %i may be faulty, %i decide', (size, faults, quorum) => {
    const committee = makeCommittee(size)
    expect(faultsOf(committee)).toBe(faults)
    expect(quorumOf(committee)).toBe(quorum)
  })
})

describe('checkVoteSet', () => {
  it.each([
    [1, [0]],
    [4, [0, 1, 2]],
    [4, [0, 1, 3]],
    [4, [0, 1, 2, 3]],
    [7, [1, 2, 4, 5, 6]],
  ])('of %i members takes %j', (size, members) => {
    expect(() => checkVoteSet(makeCommittee(size), votesOf(...members))).not.toThrow()
  })

  it.each([
    ['out of order', 4, [1, 0, 2]],
    ['with a repeated member', 4, [0, 1, 1]],
    ['with a repeated first member', 4, [0, 0, 1, 2]],
    ['of a member out of range', 4, [0, 1, 4]],
    ['of a member below zero', 4, [-1, 0, 1]],
    ['of half a member', 4, [0, 0.5, 1]],
    ['of no member', 4, [0, 1, Number.NaN]],
    ['of the only member and another', 1, [0, 1]],
  ])('refuses votes %s', (_name, size, members) => {
    expect(() => checkVoteSet(makeCommittee(size), votesOf(...members))).toThrow(
      refusal('certificate/vote-order'),
    )
  })

  it.each([
    [1, []],
    [4, []],
    [4, [0, 3]],
    [7, [0, 1, 2, 3]],
  ])('of %i members refuses %j as too few', (size, members) => {
    expect(() => checkVoteSet(makeCommittee(size), votesOf(...members))).toThrow(
      refusal('certificate/too-few-votes'),
    )
  })

  it('says how many votes are needed', () => {
    expect(() => checkVoteSet(makeCommittee(4), votesOf(0, 3))).toThrow('has 2 of 3 votes')
  })
})

describe('verifyQuorum', () => {
  const committee = makeCommittee(4)
  const verify = (signatures: MemberSignature[], to = market, content = message) =>
    verifyQuorum(to, committee, 'EpochEnd', content, signatures)

  it.each([[[0, 1, 2]], [[1, 2, 3]], [[0, 1, 2, 3]]])('takes signatures of %j', (members) => {
    expect(() => verify(sign(...members))).not.toThrow()
  })

  it('refuses too few and unordered ones', () => {
    expect(() => verify(sign(0, 1))).toThrow(refusal('certificate/too-few-votes'))
    expect(() => verify(sign(0, 2, 1))).toThrow(refusal('certificate/vote-order'))
  })

  it('refuses a signature over something else', () => {
    const signatures = sign(0, 1, 2)
    const invalid = refusal('signature/invalid')
    expect(() => verify(signatures, market, { ...message, epoch: 4 })).toThrow(invalid)
    expect(() => verify(signatures, sameAddressOtherChain)).toThrow(invalid)
  })

  it('refuses a member’s signature in another’s name, and says whose', () => {
    const [a, b, c] = sign(0, 1, 2)
    expect(() => verify([a!, { ...c!, member: 1 }, { ...b!, member: 2 }])).toThrow(
      expect.objectContaining({
        code: 'signature/invalid',
        message: 'Member 1 did not sign this EpochEnd.',
      }),
    )
  })

  it('refuses a malformed signature beyond the quorum', () => {
    expect(() => verify([...sign(0, 1, 2), { member: 3, signature: zeros }])).toThrow(
      refusal('signature/invalid'),
    )
  })

  it('counts no malformed signature as that of a member who does not exist', () => {
    for (const member of [0.5, Number.NaN, 4, -1]) {
      const signatures = [...sign(0), { member, signature: zeros }, ...sign(1, 2)]
      expect(() => verify(signatures)).toThrow(refusal('certificate/vote-order'))
    }
  })
})

describe('packSignatures', () => {
  it('writes the member’s index before each signature', () => {
    const [a, b] = sign(0, 3)
    expect(packSignatures([a!, b!])).toBe(`0x00${a!.signature.slice(2)}03${b!.signature.slice(2)}`)
    expect(packSignatures([])).toBe('0x')
  })
})
