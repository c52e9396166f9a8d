import fc from 'fast-check'
import type { CtpSubmission, SignedCtp } from '../../src/protocol/ctpSubmission.ts'
import type { ErrorCode } from '../../src/protocol/errorTable.ts'
import type { HoldCertificate, Vote } from '../../src/protocol/holdCertificate.ts'
import type { MerklePath } from '../../src/protocol/merkle.ts'
import type { MeterEvidence } from '../../src/protocol/meterEvidence.ts'
import type { NodeMessage, SignedPeerRecord } from '../../src/protocol/nodeMessages.ts'
import { batchItemBytes } from '../../src/protocol/settlementBatch.ts'
import type { SignedErc } from '../../src/protocol/signedErc.ts'
import { maxUint32, maxUint40, wh } from '../../src/protocol/units.ts'
import { numberedCodes } from '../../src/protocol/wire/codeWire.ts'
import {
  arbitraryAddress,
  arbitraryHex,
  arbitraryMessage,
  arbitraryPath,
  arbitrarySignature,
} from './messageArbitraries.ts'

const uint32 = fc.oneof(fc.constantFrom(0, maxUint32), fc.integer({ min: 0, max: maxUint32 }))
const member = fc.integer({ min: 0, max: 99 })
const hash = arbitraryHex(32)
const place = fc.integer({ min: 0, max: 63 })
const code: fc.Arbitrary<ErrorCode> = fc.constantFrom(...numberedCodes)

/** Lists are short: long ones have tests of their own. */
const listOf = <Item>(item: fc.Arbitrary<Item>, maxLength = 4) => fc.array(item, { maxLength })

/** A record whose last fields may be absent, as `exactOptionalPropertyTypes` has them. */
function recordOf<Fields extends object, Optional extends object = object>(
  fields: { [Name in keyof Fields]: fc.Arbitrary<Fields[Name]> },
  optional: { [Name in keyof Optional]: fc.Arbitrary<Optional[Name]> },
): fc.Arbitrary<Fields & Partial<Optional>> {
  const model = { ...fields, ...optional } as Record<string, fc.Arbitrary<unknown>>
  return fc.record(model, {
    requiredKeys: Object.keys(fields),
    noNullPrototype: true,
  }) as unknown as fc.Arbitrary<Fields & Partial<Optional>>
}

const signedCtp: fc.Arbitrary<SignedCtp> = fc.record({
  ctp: arbitraryMessage('Ctp'),
  consumerSignature: arbitrarySignature,
})
const signedErc: fc.Arbitrary<SignedErc> = fc.record({
  erc: arbitraryMessage('Erc'),
  signature: arbitrarySignature,
})

/** Paths are often the one of the vote before, as those of one batch are. */
const votes: fc.Arbitrary<Vote[]> = fc
  .record({
    paths: fc.array(arbitraryPath(6), { minLength: 1, maxLength: 2 }),
    signed: listOf(fc.record({ member, signature: arbitrarySignature, which: fc.nat(1) })),
  })
  .map(({ paths, signed }) =>
    signed.map(({ which, ...vote }) => ({
      ...vote,
      path: structuredClone(paths[which % paths.length]) as MerklePath,
    })),
  )

const holdCertificate: fc.Arbitrary<HoldCertificate> = fc
  .record({ signed: signedCtp, epoch: uint32, votes })
  .map(({ signed, ...rest }) => ({ ...signed, ...rest }))

const evidence: fc.Arbitrary<MeterEvidence> = fc.record({
  kind: fc.constant(0 as const),
  path: arbitraryPath(16),
  coe: arbitraryMessage('CoE'),
  coeSignature: arbitrarySignature,
  witness: arbitraryMessage('MeterCertificate'),
  witnessSignature: arbitrarySignature,
})

const submission: fc.Arbitrary<CtpSubmission> = recordOf<
  Omit<CtpSubmission, 'acceptSignature'>,
  { acceptSignature: CtpSubmission['consumerSignature'] }
>(
  {
    market: fc.record({
      chainId: fc.constantFrom(1, 31_337, Number.MAX_SAFE_INTEGER),
      address: fc.constantFrom<`0x${string}`>(`0x${'5f'.repeat(20)}`, `0x${'a0'.repeat(20)}`),
    }),
    ctp: arbitraryMessage('Ctp'),
    consumerSignature: arbitrarySignature,
    meterReadySignature: arbitrarySignature,
    evidence,
  },
  { acceptSignature: arbitrarySignature },
)

/** Any record that a member may sign. */
export const arbitraryPeerRecord: fc.Arbitrary<SignedPeerRecord> = fc.record({
  peerId: fc.string({ maxLength: 60 }),
  addresses: listOf(
    fc.string({ unit: 'grapheme', minLength: 1, maxLength: 40 }).filter((t) => !t.includes('\n')),
    8,
  ),
  sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
  signature: arbitrarySignature,
})

const treePlace = fc
  .integer({ min: 0, max: 256 })
  .chain((bits) => fc.record({ prefix: arbitraryHex((bits + 7) >> 3), bits: fc.constant(bits) }))

const treeAnswer = fc.oneof(
  fc.record({
    kind: fc.constant('hashes' as const),
    hashes: fc.array(hash, { minLength: 16, maxLength: 16 }),
  }),
  fc.record({
    kind: fc.constant('leaves' as const),
    leaves: listOf(fc.record({ ctpId: hash, digest: hash })),
  }),
)

const reportEntry = fc
  .tuple(
    signedCtp,
    recordOf(
      { roles: fc.constantFrom(1 as const, 2 as const, 3 as const), deliveredWh: uint32.map(wh) },
      { receipt: signedErc },
    ),
  )
  .map(([signed, rest]) => ({ ...signed, ...rest }))

const equivocalVote = fc
  .record({ signed: signedCtp, member, signature: arbitrarySignature, path: arbitraryPath(6) })
  .map(({ signed, ...vote }) => ({ ...signed, vote }))

const settleRequest = fc
  .tuple(
    listOf(signedErc, 3),
    fc.record({
      id: uint32,
      epoch: uint32,
      sequence: fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
      beneficiary: arbitraryAddress,
    }),
    signedErc,
  )
  .chain(([more, fields, first]) => {
    const receipts = [first, ...more]
    return arbitraryHex(receipts.length * batchItemBytes).map((items) => ({
      kind: 'settleRequest' as const,
      ...fields,
      items,
      receipts,
    }))
  })

const certificates = fc
  .array(fc.array(hash, { minLength: 1, maxLength: 4 }), { minLength: 1, maxLength: 3 })
  .chain((lists) =>
    fc.record({
      kind: fc.constant('certificates' as const),
      epoch: uint32,
      items: listOf(signedCtp),
      lists: fc.constant(lists),
      ballots: listOf(
        fc.record({
          member,
          signature: arbitrarySignature,
          list: fc.integer({ min: 0, max: lists.length - 1 }),
        }),
      ),
    }),
  )

const kindOf = <Kind extends NodeMessage['kind']>(kind: Kind) => fc.constant(kind)

/** Any message between nodes, by its kind. */
export const arbitraryNodeMessages: {
  [Kind in NodeMessage['kind']]: fc.Arbitrary<Extract<NodeMessage, { kind: Kind }>>
} = {
  hello: recordOf(
    { kind: kindOf('hello'), known: listOf(arbitraryPeerRecord, 2), epoch: uint32, root: hash },
    { record: arbitraryPeerRecord },
  ),
  voteRequest: fc.record({
    kind: kindOf('voteRequest'),
    id: uint32,
    items: listOf(fc.record({ submission, vouches: votes }), 3),
  }),
  voteReply: recordOf(
    {
      kind: kindOf('voteReply'),
      id: uint32,
      epoch: uint32,
      accepted: listOf(place),
      refusals: listOf(recordOf({ place, code }, { nextNonce: uint32 })),
    },
    { signature: arbitrarySignature },
  ),
  certificates,
  receipts: fc.record({ kind: kindOf('receipts'), receipts: listOf(signedErc) }),
  voidRequest: fc.record({ kind: kindOf('voidRequest'), id: uint32, shown: signedCtp }),
  voidReply: fc
    .record({
      kind: kindOf('voidReply'),
      id: uint32,
      epoch: uint32,
      said: fc.oneof(
        fc.record({ signature: arbitrarySignature }),
        fc.record({ code }),
        fc.record({ certificate: holdCertificate }),
        fc.record({ code, certificate: holdCertificate }),
      ),
    })
    .map(({ said, ...reply }) => ({ ...reply, ...said })),
  voided: fc.record({
    kind: kindOf('voided'),
    certificate: fc.record({
      epoch: uint32,
      account: arbitraryAddress,
      nonce: uint32,
      signatures: listOf(fc.record({ member, signature: arbitrarySignature })),
    }),
  }),
  settleRequest,
  settleReply: recordOf(
    {
      kind: kindOf('settleReply'),
      id: uint32,
      refusals: listOf(recordOf({ place: fc.nat(255), code }, { receipt: signedErc })),
    },
    { signature: arbitrarySignature },
  ),
  equivocation: fc.record({
    kind: kindOf('equivocation'),
    epoch: uint32,
    member,
    votes: fc.tuple(equivocalVote, equivocalVote),
  }),
  treeAsk: fc.record({ kind: kindOf('treeAsk'), id: uint32, places: listOf(treePlace) }),
  treeTell: fc.record({
    kind: kindOf('treeTell'),
    id: uint32,
    root: hash,
    answers: listOf(treeAnswer),
  }),
  recordsAsk: fc.record({ kind: kindOf('recordsAsk'), id: uint32, ctpIds: listOf(hash) }),
  recordsTell: fc.record({
    kind: kindOf('recordsTell'),
    id: uint32,
    records: listOf(recordOf({ certificate: holdCertificate }, { receipt: signedErc }), 3),
  }),
  root: fc.record({
    kind: kindOf('root'),
    root: hash,
    headNumber: fc.integer({ min: 0, max: maxUint40 }),
  }),
  epochEnd: fc.record({
    kind: kindOf('epochEnd'),
    epoch: uint32,
    member,
    votesRoot: hash,
    signature: arbitrarySignature,
  }),
  reportAsk: fc.record({ kind: kindOf('reportAsk'), id: uint32, votesRoot: hash, page: uint32 }),
  reportTell: fc.record({
    kind: kindOf('reportTell'),
    id: uint32,
    votesRoot: hash,
    page: uint32,
    pages: uint32,
    entries: listOf(reportEntry),
  }),
}
