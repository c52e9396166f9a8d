import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import {
  bytes32For,
  keyOf,
  makeHoldCertificate,
  makeSubmission,
  market,
  otherAddressSameChain,
} from '../../../test/protocol/tradeFixture.ts'
import { bytesToHex, type Hex, hexToBytes, zeroAddress } from '../bytes.ts'
import type { CtpSubmission } from '../ctpSubmission.ts'
import { limits } from '../limits.ts'
import { messageLimits, type NodeMessage } from '../nodeMessages.ts'
import { batchItemBytes } from '../settlementBatch.ts'
import { signMessage } from '../signature.ts'
import { seconds, wh } from '../units.ts'
import type { MessageKind } from './messageWire.ts'
import { decodeNodeMessage, encodeNodeMessage, kindNumbers } from './nodeMessageCodec.ts'

const { submission, ctpId } = makeSubmission()
const signedCtp = { ctp: submission.ctp, consumerSignature: submission.consumerSignature }
const signature = submission.consumerSignature
const erc = { ctpId, deliveredWh: wh(900), measuredAtSeconds: seconds(1_800_000_000) }
const receipt = { erc, signature: signMessage(market, 'Erc', erc, keyOf('meter 2')) }
const certificate = makeHoldCertificate([0, 1, 2])
const repeat = <Item>(count: number, item: Item): Item[] =>
  Array.from({ length: count }, () => item)
const ids = repeat(64, ctpId)
const sequence = 5n
const beneficiary = submission.ctp.producer

const codeOf = (code: string) => expect.objectContaining({ code })
const decodeHexMessage = (kind: MessageKind, ...fields: string[]) => {
  const first = kindNumbers[kind].toString(16).padStart(2, '0')
  return decodeNodeMessage(hexToBytes(`0x${first}${fields.join('')}` as Hex))
}

const id = '00000007'
const epoch = '00000003'
const hash = bytes32For('hash').slice(2)
const address = submission.ctp.producer.slice(2)
const noRecord = '00'
const signed = signature.slice(2)
const ctpField = bytesToHex(
  encodeNodeMessage({ kind: 'voidRequest', id: 7, shown: signedCtp }).subarray(5),
).slice(2)

/** Everything up to a count, and a count that is one too many, with nothing after it. */
const overfull: readonly [kind: MessageKind, what: string, ...fields: string[]][] = [
  ['hello', 'records', epoch, hash, noRecord, '65'],
  ['voteRequest', 'CTPs', id, '41'],
  ['voteReply', 'accepted', id, epoch, '41'],
  ['voteReply', 'refusals', id, epoch, '00', '00', '41'],
  ['certificates', 'CTPs', epoch, '41'],
  ['certificates', 'lists', epoch, '00', '81'],
  ['certificates', 'ids of a list', epoch, '00', '01', '41'],
  ['certificates', 'ballots', epoch, '00', '00', '0101'],
  ['receipts', 'receipts', '0101'],
  ['voidReply', 'votes', id, epoch, '04', ctpField, epoch, '65'],
  ['voided', 'signatures', epoch, address, '00000000', '65'],
  ['settleRequest', 'items', id, epoch, '0000000000000001', address, '0101'],
  ['settleReply', 'refusals', id, '00', '0101'],
  ['equivocation', 'siblings', epoch, '01', ctpField, '01', signed, '07'],
  ['treeAsk', 'places', id, '41'],
  ['treeTell', 'answers', id, hash, '41'],
  ['treeTell', 'leaves', id, hash, '01', '41'],
  ['recordsAsk', 'CTPs', id, '41'],
  ['recordsTell', 'records', id, '41'],
  ['recordsTell', 'votes', id, '01', ctpField, epoch, '65'],
  ['recordsTell', 'siblings', id, '01', ctpField, epoch, '01', '00', signed, '07'],
  ['reportTell', 'entries', id, hash, '00000000', '00000001', '0401'],
]

/** The largest message of each kind that has a bound. */
const largest: readonly NodeMessage[] = [
  {
    kind: 'voteRequest',
    id: 1,
    items: repeat(messageLimits.votesPerRequest, { submission, vouches: certificate.votes }),
  },
  {
    kind: 'voteReply',
    id: 1,
    epoch: 3,
    accepted: repeat(messageLimits.votesPerRequest, 63),
    refusals: repeat(messageLimits.votesPerRequest, { place: 63, code: 'ctp/unknown' as const }),
  },
  {
    kind: 'certificates',
    epoch: 3,
    items: repeat(messageLimits.certificatesPerBatch, signedCtp),
    lists: repeat(messageLimits.lists, ids),
    ballots: repeat(messageLimits.ballots, { member: 99, signature, list: 127 }),
  },
  { kind: 'receipts', receipts: repeat(messageLimits.receiptsPerNotice, receipt) },
  {
    kind: 'voided',
    certificate: {
      epoch: 3,
      account: beneficiary,
      nonce: 1,
      signatures: repeat(limits.members, { member: 99, signature }),
    },
  },
  {
    kind: 'settleRequest',
    id: 1,
    epoch: 3,
    sequence,
    beneficiary,
    items: `0x${'5a'.repeat(batchItemBytes * limits.itemsPerBatch)}`,
    receipts: repeat(limits.itemsPerBatch, receipt),
  },
  {
    kind: 'settleReply',
    id: 1,
    signature,
    refusals: repeat(limits.itemsPerBatch, { place: 255, code: 'erc/lower' as const, receipt }),
  },
  {
    kind: 'treeAsk',
    id: 1,
    places: repeat(messageLimits.treePlaces, { prefix: ctpId, bits: 256 }),
  },
  {
    kind: 'treeTell',
    id: 1,
    root: ctpId,
    answers: repeat(messageLimits.treePlaces, {
      kind: 'leaves' as const,
      leaves: repeat(messageLimits.treeLeaves, { ctpId, digest: ctpId }),
    }),
  },
  { kind: 'recordsAsk', id: 1, ctpIds: ids },
  {
    kind: 'recordsTell',
    id: 0,
    records: repeat(messageLimits.recordsPerAsk, { certificate, receipt }),
  },
  {
    kind: 'reportTell',
    id: 1,
    votesRoot: ctpId,
    page: 0,
    pages: 1,
    entries: repeat(messageLimits.reportEntriesPerPage, {
      ...signedCtp,
      roles: 3 as const,
      deliveredWh: erc.deliveredWh,
      receipt,
    }),
  },
]

describe('bounds of messages between nodes', () => {
  it.each(overfull)('%s: refuses %s beyond the bound before it reads any', (kind, _, ...fields) => {
    // Were the bound not looked at first, what follows would be found missing: `input/shape`.
    expect(() => decodeHexMessage(kind, ...fields)).toThrow(codeOf('input/too-large'))
    const last = Number.parseInt(fields.at(-1)!, 16)
    const width = fields.at(-1)!.length
    const atBound = [...fields.slice(0, -1), (last - 1).toString(16).padStart(width, '0')]
    expect(() => decodeHexMessage(kind, ...atBound)).toThrow(codeOf('input/shape'))
  })

  it.each(largest)('$kind: takes the largest', (message) => {
    const bytes = encodeNodeMessage(message)
    expect(bytes.length).toBeLessThan(1024 * 1024)
    expect(decodeNodeMessage(bytes)).toEqual(message)
  })

  it('are never passed by our own messages', () => {
    const tooMany: NodeMessage[] = [
      { kind: 'recordsAsk', id: 1, ctpIds: [...ids, ctpId] },
      { kind: 'receipts', receipts: repeat(messageLimits.receiptsPerNotice + 1, receipt) },
      { kind: 'certificates', epoch: 3, items: [], lists: [[]], ballots: [] },
      { kind: 'treeAsk', id: 1, places: [{ prefix: '0xff', bits: 9 }] },
      {
        kind: 'settleRequest',
        id: 1,
        epoch: 3,
        sequence,
        beneficiary,
        items: `0x${'5a'.repeat(batchItemBytes)}`,
        receipts: [],
      },
    ]
    for (const message of tooMany) {
      expect(() => encodeNodeMessage(message)).toThrow('Invariant broken')
    }
  })
})

describe('what messages between nodes may not say', () => {
  it.each([
    ['an unknown kind', '00'],
    ['a kind of a later version', '14'],
    ['nothing', ''],
  ])('%s', (_, hex) => {
    expect(() => decodeNodeMessage(hexToBytes(`0x${hex}`))).toThrow(codeOf('input/shape'))
  })

  it.each<[what: string, code: string, kind: MessageKind, ...fields: string[]]>([
    ['a presence that is neither yes nor no', 'input/shape', 'settleReply', id, '02'],
    ['flags that are not known', 'input/shape', 'voidReply', id, epoch, '08'],
    ['an answer that says nothing', 'input/shape', 'voidReply', id, epoch, '00'],
    ['an empty list of CTPs', 'input/shape', 'certificates', epoch, '00', '01', '00', '0000'],
    [
      'a settlement of nothing',
      'input/shape',
      'settleRequest',
      id,
      epoch,
      '0'.repeat(16),
      address,
      '0000',
    ],
    ['an entry without a role', 'input/shape', 'reportTell', id, hash, id, id, '0001', '00'],
    ['a member who cannot be', 'input/number', 'epochEnd', epoch, '64'],
    ['a place that cannot be', 'input/number', 'voteReply', id, epoch, '01', '40'],
    ['a place below the tree', 'input/number', 'treeAsk', id, '01', '0101'],
    [
      'a ballot over no list',
      'input/number',
      'certificates',
      epoch,
      '00',
      '00',
      '0001',
      '00',
      '00',
    ],
    [
      'a path beside its tree',
      'input/number',
      'equivocation',
      epoch,
      '00',
      ctpField,
      '00',
      signed,
      '01',
      '02',
    ],
    ['a zero account', 'input/address', 'voided', epoch, '00'.repeat(20)],
    ['a zero producer', 'input/address', 'voidRequest', id, '00'.repeat(20), ctpField.slice(40)],
  ])('%s', (_, code, kind, ...fields) => {
    expect(() => decodeHexMessage(kind, ...fields)).toThrow(codeOf(code))
  })

  const requestOf = (...submissions: CtpSubmission[]): NodeMessage => ({
    kind: 'voteRequest',
    id: 7,
    items: submissions.map((each) => ({ submission: each, vouches: [] })),
  })

  it('a chain id that is no number here', () => {
    const bytes = encodeNodeMessage(requestOf(submission))
    bytes.set([0xff], 7)
    expect(() => decodeNodeMessage(bytes)).toThrow(codeOf('input/number'))
  })

  it('a witness without an address', () => {
    const { evidence } = submission
    const witness = { ...evidence.witness, meter: zeroAddress }
    const bytes = encodeNodeMessage(
      requestOf({ ...submission, evidence: { ...evidence, witness } }),
    )
    expect(() => decodeNodeMessage(bytes)).toThrow(codeOf('input/address'))
  })

  it('a market or path of the one before in two ways', () => {
    const request = requestOf(submission, { ...submission, market: otherAddressSameChain })
    const bytes = encodeNodeMessage(request)
    expect(decodeNodeMessage(bytes)).toEqual(request)
    const hex = bytesToHex(bytes)
    const repeated = hex.replace(otherAddressSameChain.address.slice(2), market.address.slice(2))
    expect(() => decodeNodeMessage(hexToBytes(repeated as Hex))).toThrow(codeOf('input/shape'))
    // The first one has none before it.
    bytes.set([2], 6)
    expect(() => decodeNodeMessage(bytes)).toThrow(codeOf('input/shape'))

    const vote = `00${signed}0000`
    const votes = (...each: string[]) => ['recordsTell', id, '01', ctpField, epoch, '02', ...each]
    const decodeVotes = (...each: string[]) => {
      const [, ...fields] = votes(...each)
      return decodeHexMessage('recordsTell', ...fields, '00')
    }
    expect(decodeVotes(vote, `01${signed}ff`)).toMatchObject({ records: [{}] })
    expect(() => decodeVotes(vote, vote)).toThrow(codeOf('input/shape'))
    expect(() => decodeVotes(`00${signed}ff`, vote)).toThrow(codeOf('input/too-large'))
  })
})

describe('the size of messages between nodes', () => {
  const bytesOf = (message: NodeMessage) => encodeNodeMessage(message).length
  const records = (members: number[]): NodeMessage => ({
    kind: 'recordsTell',
    id: 0,
    records: [{ certificate: makeHoldCertificate(members) }],
  })

  it('grows by a signature, an index and one more byte a vote', () => {
    expect(bytesOf(records([0, 1, 2, 3, 4])) - bytesOf(records([0, 1, 2, 3]))).toBe(66)
  })

  it('is small for a certificate of four members', () => {
    const lists = [[ctpId]]
    const ballots = [0, 1, 2].map((member) => ({ member, signature, list: 0 }))
    const batch: NodeMessage = {
      kind: 'certificates',
      epoch: 3,
      items: [signedCtp],
      lists,
      ballots,
    }
    expect(bytesOf(batch)).toBe(1 + 4 + 1 + 137 + 1 + 33 + 2 + 3 * 66)
    expect(decodeNodeMessage(encodeNodeMessage(batch))).toEqual(batch)
  })
})

describe('docs', () => {
  const read = (name: string) =>
    readFileSync(join(import.meta.dirname, '..', '..', '..', 'docs', name), 'utf8')

  it('list each kind with its number', () => {
    const rows = [...read('protocol.md').matchAll(/^\| (\d+) \| `(\w+)` \|/gm)]
    const listed = rows.map(([, number, kind]) => [kind, Number(number)])
    expect(listed).toEqual(Object.entries(kindNumbers))
  })

  it('state each bound', () => {
    const [, section = ''] = read('limits.md').split('## Between nodes\n')
    const [bounds = ''] = section.split('\n## ')
    const numbers = bounds.match(/\d[\d,]*/g)?.map((text) => Number(text.replaceAll(',', '')))
    expect(numbers).toEqual(expect.arrayContaining(Object.values(messageLimits)))
  })
})
