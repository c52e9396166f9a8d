// Writes `test/vectors/protocol.json`, which the TypeScript and the Solidity tests read.
// `--check` writes nothing and fails where the committed file differs.
import { readFileSync, writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { type Address, type Bytes32, bytesToHex, type Hex } from '../src/protocol/bytes.ts'
import { encodeMessage } from '../src/protocol/decodeMessage.ts'
import { ctpIdOf, digestOf, domainSeparator, type Market } from '../src/protocol/digest.ts'
import { keccak256 } from '../src/protocol/keccak.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import {
  type Ctp,
  type FieldType,
  fieldsOf,
  type MessageName,
  type Messages,
  messageNames,
} from '../src/protocol/messages.ts'
import { paymentOf } from '../src/protocol/payment.ts'
import { encodePeerRecord, signPeerRecord } from '../src/protocol/peerRecord.ts'
import { type BatchItem, itemsHashOf, packBatch } from '../src/protocol/settlementBatch.ts'
import { addressOf, recoverSigner, signDigest } from '../src/protocol/signature.ts'
import { maxUint32, maxUint40, maxUint96, wei, wh } from '../src/protocol/units.ts'

const file = fileURLToPath(new URL('../test/vectors/protocol.json', import.meta.url))
const text = new TextEncoder()

const bytesOf = (label: string) => keccak256(text.encode(`spb vectors ${label}`))
const bytes32Of = (label: string): Bytes32 => bytesToHex(bytesOf(label))
const addressFor = (label: string): Address => addressOf(bytesOf(label))
const bigOf = (label: string) => BigInt(bytes32Of(label))

const market: Market = { chainId: 31_337, address: addressFor('market') }

type Edge = 'least' | 'most' | `typical ${number}`
const edges: readonly Edge[] = ['least', 'most', 'typical 1', 'typical 2']

const bitsOf = { uint8: 8, uint32: 32, uint40: 40, uint64: 64, uint96: 96 } as const

function valueFor(type: FieldType, edge: Edge, label: string): unknown {
  if (type === 'address' || type === 'bytes32') {
    const digits = type === 'address' ? 40 : 64
    if (edge === 'least') return `0x${(type === 'address' ? '1' : '').padStart(digits, '0')}`
    if (edge === 'most') return `0x${'f'.repeat(digits)}`
    return type === 'address' ? addressFor(label) : bytes32Of(label)
  }
  if (type === 'bytes') {
    const length = { least: 0, most: 200, 'typical 1': 4 }[edge as string] ?? 32
    return `0x${bytes32Of(label)
      .slice(2)
      .repeat(7)
      .slice(0, 2 * length)}`
  }
  const bits = bitsOf[type]
  const most = 2n ** BigInt(bits) - 1n
  const value = edge === 'least' ? 0n : edge === 'most' ? most : bigOf(label) & most
  return bits > 53 ? value : Number(value)
}

function messageFor<Name extends MessageName>(name: Name, edge: Edge): Messages[Name] {
  const fields = fieldsOf(name).map(([field, type]) => [
    field,
    valueFor(type, edge, `${name} ${field} ${edge}`),
  ])
  return Object.fromEntries(fields) as Messages[Name]
}

function buildDigests() {
  return messageNames.flatMap((type) =>
    edges.map((edge) => {
      const message = messageFor(type, edge)
      const digest = bytesToHex(digestOf(market, type, message))
      return { type, message: encodeMessage(type, message), digest }
    }),
  )
}

function buildCtpIds() {
  return edges.flatMap((edge) => {
    const digest = digestOf(market, 'Ctp', messageFor('Ctp', edge))
    return ['consumer 1', 'consumer 2'].map(addressFor).map((consumer) => ({
      ctpDigest: bytesToHex(digest),
      consumer,
      ctpId: ctpIdOf(digest, consumer),
    }))
  })
}

function buildTree(leaves: Hex[]) {
  const tree = buildMerkleTree(leaves)
  const paths = leaves.map((leaf, index) => ({ leaf, ...tree.pathOf(index) }))
  return { leafCount: leaves.length, height: tree.height, root: tree.root, leaves, paths }
}

function buildTrees() {
  const leavesFor = (count: number, make: (label: string) => Hex) =>
    Array.from({ length: count }, (_, index) => make(`leaf ${index}`))
  return [
    ...[1, 2, 3, 4, 5, 8, 64].map((count) => buildTree(leavesFor(count, bytes32Of))),
    ...[1, 3, 16].map((count) => buildTree(leavesFor(count, addressFor))),
  ]
}

function makeItem(ctp: Ctp, deliveredWh: number, consumer: string): BatchItem {
  const consumerSignature = signDigest(digestOf(market, 'Ctp', ctp), bytesOf(consumer))
  return { ctp, consumerSignature, deliveredWh: wh(deliveredWh) }
}

const batchItems: readonly BatchItem[] = [
  makeItem(messageFor('Ctp', 'least'), 0, 'consumer 1'),
  makeItem(messageFor('Ctp', 'most'), maxUint32, 'consumer 2'),
  makeItem(messageFor('Ctp', 'typical 1'), 1, 'consumer 1'),
  makeItem(messageFor('Ctp', 'typical 2'), 1500, 'consumer 2'),
]

function buildItems() {
  return batchItems.map((item) => {
    const digest = digestOf(market, 'Ctp', item.ctp)
    const consumer = recoverSigner(digest, item.consumerSignature)!
    return {
      packed: packBatch([item]),
      ...encodeMessage('Ctp', item.ctp),
      deliveredWh: item.deliveredWh,
      consumerSignature: item.consumerSignature,
      ctpDigest: bytesToHex(digest),
      consumer,
      ctpId: ctpIdOf(digest, consumer),
    }
  })
}

function buildBatches() {
  return [1, 2, batchItems.length].map((itemCount) => {
    const packed = packBatch(batchItems.slice(0, itemCount))
    return { itemCount, packed, itemsHash: itemsHashOf(packed) }
  })
}

function buildPayments() {
  const cases: readonly [bigint, number, number][] = [
    [1n, 1, 0],
    [1n, 1, 1],
    [1n, 2, 1],
    [10n, 3, 1],
    [10n, 3, 2],
    [10n, 3, 3],
    [10n, 3, 4],
    [10n ** 15n, 1500, 1499],
    [10n ** 18n + 1n, 7, 6],
    [maxUint96, 1, maxUint32],
    [maxUint96, maxUint32, 1],
    [maxUint96, maxUint32, maxUint32 - 1],
    [maxUint96, maxUint32, maxUint32],
    [maxUint96 - 1n, maxUint32 - 1, maxUint32 - 2],
    [BigInt(maxUint40), maxUint32, 2 ** 31],
  ]
  return cases.map(([amountWei, energyWh, deliveredWh]) => ({
    amountWei: amountWei.toString(),
    energyWh,
    deliveredWh,
    paymentWei: paymentOf(wei(amountWei), wh(energyWh), wh(deliveredWh)).toString(),
  }))
}

const order = 0xfffffffffffffffffffffffffffffffebaaedce6af48a03bbfd25e8cd0364141n
const fieldPrime = 2n ** 256n - 2n ** 32n - 977n
const generatorX = 0x79be667ef9dcbbac55a06295ce870b07029bfcdb2dce28d959f2815b16f81798n
const parityBit = 1n << 255n

const word = (value: bigint) => value.toString(16).padStart(64, '0')
const joinRs = (r: bigint, s: bigint): Hex => `0x${word(r)}${word(s)}`

function buildSignatures() {
  const keys: [string, Hex][] = [
    ['least key', `0x${word(1n)}`],
    ['most key', `0x${word(order - 1n)}`],
    ...Array.from({ length: 6 }, (_, i): [string, Hex] => [`key ${i}`, bytes32Of(`key ${i}`)]),
  ]
  return keys.map(([label, privateKey]) => {
    const key = Uint8Array.from(Buffer.from(privateKey.slice(2), 'hex'))
    const digest = bytesOf(`digest of ${label}`)
    const signature = signDigest(digest, key)
    return { digest: bytesToHex(digest), privateKey, address: addressOf(key), signature }
  })
}

/** Signatures that nobody made; `recovers` is zero where none of them may count as somebody's. */
function buildHostileSignatures() {
  const key = bytesOf('key 0')
  const digest = bytesOf('digest of hostile')
  const signature = signDigest(digest, key)
  const r = BigInt(signature.slice(0, 66))
  const packedS = BigInt(`0x${signature.slice(66)}`)
  const s = packedS & (parityBit - 1n)
  const parity = packedS & parityBit
  const halfOrder = order >> 1n
  const hostile: [string, Hex, Hex][] = [
    ['zero', bytesToHex(digest), joinRs(0n, 0n)],
    ['zero r', bytesToHex(digest), joinRs(0n, packedS)],
    ['zero s', bytesToHex(digest), joinRs(r, 0n)],
    ['zero s with parity', bytesToHex(digest), joinRs(r, parityBit)],
    // The twin with s above half of the order, whose highest bit reads as the parity.
    ['high s', bytesToHex(digest), joinRs(r, order - s)],
    ['s just above half', bytesToHex(digest), joinRs(generatorX, halfOrder + 1n)],
    ['s exactly half', bytesToHex(digest), joinRs(generatorX, halfOrder)],
    ['largest s', bytesToHex(digest), joinRs(r, parityBit - 1n)],
    ['r is the order', bytesToHex(digest), joinRs(order, packedS)],
    ['r above the order', bytesToHex(digest), joinRs(order + 1n, packedS)],
    ['r above the field', bytesToHex(digest), joinRs(fieldPrime + 1n, packedS)],
    ['r on no point', bytesToHex(digest), joinRs(5n, packedS)],
    ['all ones', bytesToHex(digest), `0x${'ff'.repeat(64)}`],
    // R = G and digest = s: the recovered point is the one at infinity.
    ['point at infinity', `0x${word(5n)}`, joinRs(generatorX, 5n)],
    ['other parity', bytesToHex(digest), joinRs(r, s | (parityBit - parity))],
    ['other digest', bytes32Of('some other digest'), signature],
    ['zero digest', `0x${word(0n)}`, signature],
    ['digest above the order', `0x${'ff'.repeat(32)}`, signature],
    ['empty', bytesToHex(digest), '0x'],
    ['truncated', bytesToHex(digest), signature.slice(0, -2) as Hex],
    ['65 bytes', bytesToHex(digest), `${signature}1b`],
  ]
  return hostile.map(([name, hostileDigest, hostileSignature]) => ({
    name,
    digest: hostileDigest,
    signature: hostileSignature,
    length: (hostileSignature.length - 2) / 2,
    recovers: recoverSigner(bytesFrom(hostileDigest), hostileSignature) ?? `0x${'0'.repeat(40)}`,
  }))
}

function buildPeerRecords() {
  const records: [string, string[], bigint][] = [
    ['12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', ['/ip4/127.0.0.1/tcp/4001'], 1n],
    ['12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp', [], 0n],
    ['a', ['/dns4/node.example.org/tcp/443', '/ip6/::1/tcp/65535'], 2n ** 64n - 1n],
    ['Zoë', ['/dns4/häuschen.example/tcp/1', '😀'], 1_800_000_000_000n],
  ]
  return records.map(([peerId, addresses, sequence], index) => {
    const key = bytesOf(`member ${index}`)
    const record = signPeerRecord(market, { peerId, addresses, sequence }, key)
    return {
      ...record,
      sequence: sequence.toString(),
      signer: addressOf(key),
      packed: bytesToHex(encodePeerRecord(record)),
    }
  })
}

function bytesFrom(hex: Hex): Uint8Array {
  return Uint8Array.from(Buffer.from(hex.slice(2), 'hex'))
}

function buildVectors() {
  const lists = {
    digests: buildDigests(),
    ctpIds: buildCtpIds(),
    trees: buildTrees(),
    items: buildItems(),
    batches: buildBatches(),
    payments: buildPayments(),
    signatures: buildSignatures(),
    hostileSignatures: buildHostileSignatures(),
    peerRecords: buildPeerRecords(),
  }
  const lengths = Object.entries(lists).map(([name, list]) => [name, list.length])
  return {
    counts: Object.fromEntries(lengths) as Record<string, number>,
    domain: { chainId: market.chainId, market: market.address },
    separator: bytesToHex(domainSeparator(market)),
    ...lists,
  }
}

const content = `${JSON.stringify(buildVectors(), null, 1)}\n`
if (!process.argv.includes('--check')) {
  writeFileSync(file, content)
} else if (readFileSync(file, 'utf8') !== content) {
  console.error('test/vectors/protocol.json is not current: run node tools/writeVectors.ts')
  process.exitCode = 1
}
