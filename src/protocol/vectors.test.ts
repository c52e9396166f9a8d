import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import {
  concat,
  domainSeparator as hashDomainSeparator,
  hashTypedData,
  keccak256,
  parseCompactSignature,
  recoverAddress,
  serializeCompactSignature,
  serializeSignature,
  signatureToCompactSignature,
} from 'viem'
import { privateKeyToAddress, sign } from 'viem/accounts'
import { describe, expect, it } from 'vitest'
import type { Hex } from './bytes.ts'
import { bytesToHex, hexToBytes, zeroAddress } from './bytes.ts'
import { decodeMessage } from './decodeMessage.ts'
import { ctpIdOf, digestOf, domainSeparator } from './digest.ts'
import { buildMerkleTree, rootOfPath } from './merkle.ts'
import { type MessageName, messageNames } from './messages.ts'
import { paymentOf } from './payment.ts'
import { decodePeerRecord, encodePeerRecord, signerOfPeerRecord } from './peerRecord.ts'
import { itemsHashOf, packBatch, unpackBatch } from './settlementBatch.ts'
import { addressOf, recoverSigner, signDigest } from './signature.ts'
import { wei, wh } from './units.ts'

type Vectors = {
  counts: Record<string, number>
  domain: { chainId: number; market: Hex }
  separator: Hex
  digests: { type: MessageName; message: Record<string, unknown>; digest: Hex }[]
  ctpIds: { ctpDigest: Hex; consumer: Hex; ctpId: Hex }[]
  trees: {
    leafCount: number
    height: number
    root: Hex
    leaves: Hex[]
    paths: { leaf: Hex; index: number; siblings: Hex[] }[]
  }[]
  items: ({
    packed: Hex
    deliveredWh: number
    consumerSignature: Hex
    ctpDigest: Hex
    consumer: Hex
    ctpId: Hex
  } & Record<string, unknown>)[]
  batches: { itemCount: number; packed: Hex; itemsHash: Hex }[]
  payments: { amountWei: string; energyWh: number; deliveredWh: number; paymentWei: string }[]
  signatures: { digest: Hex; privateKey: Hex; address: Hex; signature: Hex }[]
  hostileSignatures: { name: string; digest: Hex; signature: Hex; length: number; recovers: Hex }[]
  peerRecords: {
    peerId: string
    addresses: string[]
    sequence: string
    signature: Hex
    signer: Hex
    packed: Hex
  }[]
}

const root = join(import.meta.dirname, '..', '..')
const path = join(root, 'test', 'vectors', 'protocol.json')
const vectors = JSON.parse(readFileSync(path, 'utf8')) as Vectors
const market = { chainId: vectors.domain.chainId, address: vectors.domain.market }

// As the design writes them, so that a slip in the table of fields does not vouch for itself.
const typeStrings: Record<MessageName, string> = {
  Ctp:
    'address producer,uint64 offerId,uint96 amountWei,uint32 energyWh,uint32 nonce,' +
    'uint40 expirySeconds,address meterKey',
  MeterReady: 'bytes32 ctpId',
  Accept: 'bytes32 ctpId',
  HoldVote: 'uint32 epoch,bytes32 ctpsRoot',
  NonceVoid: 'uint32 epoch,address account,uint32 nonce',
  Erc: 'bytes32 ctpId,uint32 deliveredWh,uint40 measuredAtSeconds',
  Settlement: 'uint32 epoch,uint64 sequence,bytes32 itemsHash,address beneficiary',
  EpochEnd: 'uint32 epoch,bytes32 votesRoot',
  Governance: 'uint32 epoch,uint64 sequence,bytes call',
  EnergyAccountCertificate: 'address account,uint40 notAfterSeconds',
  PeerRecord: 'bytes peerId,bytes addresses,uint64 sequence',
  MeterCertificate: 'address meter,bytes32 model,uint40 notAfterSeconds',
  CoE: 'bytes32 root,uint8 height,uint40 notBeforeSeconds,uint40 notAfterSeconds',
}

function typesOf(type: MessageName): { name: string; type: string }[] {
  return typeStrings[type].split(',').map((field) => {
    const [fieldType, name] = field.split(' ')
    return { name: name!, type: fieldType! }
  })
}

function domainOf(type: MessageName) {
  return type === 'MeterCertificate'
    ? { name: 'SPB Meter', version: '1' }
    : {
        name: 'SPB',
        version: '1',
        chainId: market.chainId,
        verifyingContract: market.address,
      }
}

describe('test/vectors/protocol.json', () => {
  it('is what tools/writeVectors.ts writes', () => {
    const script = join(root, 'tools', 'writeVectors.ts')
    expect(() =>
      execFileSync(process.execPath, [script, '--check'], { stdio: 'pipe' }),
    ).not.toThrow()
  })

  it('counts its lists, for readers that cannot', () => {
    for (const [name, count] of Object.entries(vectors.counts)) {
      expect(vectors[name as 'digests']).toHaveLength(count)
      expect(count).toBeGreaterThan(2)
    }
    expect(Object.keys(vectors.counts)).toHaveLength(9)
  })

  it('holds several digests of every message', () => {
    expect(Object.keys(typeStrings)).toEqual(messageNames)
    for (const name of messageNames) {
      const ofType = vectors.digests.filter(({ type }) => type === name)
      expect(new Set(ofType.map(({ digest }) => digest)).size).toBe(4)
    }
  })
})

describe('digests', () => {
  it('has the separator that an independent implementation has', () => {
    expect(bytesToHex(domainSeparator(market))).toBe(vectors.separator)
    expect(hashDomainSeparator({ domain: domainOf('Ctp') })).toBe(vectors.separator)
  })

  it.each(vectors.digests)('of $type are those of the file and of viem', (vector) => {
    const message = decodeMessage(vector.type, vector.message)
    expect(bytesToHex(digestOf(market, vector.type, message))).toBe(vector.digest)
    const typedData = {
      domain: domainOf(vector.type),
      types: { [vector.type]: typesOf(vector.type) },
      primaryType: vector.type,
      message: vector.message,
    }
    expect(hashTypedData(typedData as never)).toBe(vector.digest)
  })

  it.each(vectors.ctpIds)('make CTP ids: $ctpId', ({ ctpDigest, consumer, ctpId }) => {
    expect(ctpIdOf(hexToBytes(ctpDigest), consumer)).toBe(ctpId)
    expect(keccak256(concat([ctpDigest, consumer]))).toBe(ctpId)
  })
})

/** The definition, written as a recursion over the filled-up leaves. */
function rootOf(leaves: readonly Hex[], width: number): Hex {
  const zero: Hex = `0x${'00'.repeat(32)}`
  if (width === 1) return leaves[0] === undefined ? zero : keccak256(concat(['0x00', leaves[0]]))
  const half = width / 2
  const filledNode = (part: readonly Hex[]) => rootOf(part, half)
  return keccak256(
    concat(['0x01', filledNode(leaves.slice(0, half)), filledNode(leaves.slice(half))]),
  )
}

describe.each(vectors.trees)('tree of $leafCount leaves, $height high', (vector) => {
  it('has the root of the file and of its definition', () => {
    const { root: built, height } = buildMerkleTree(vector.leaves)
    expect({ root: built, height }).toEqual({ root: vector.root, height: vector.height })
    expect(rootOf(vector.leaves, 2 ** vector.height)).toBe(vector.root)
  })

  it('has paths that lead to it', () => {
    const tree = buildMerkleTree(vector.leaves)
    expect(vector.paths).toHaveLength(vector.leafCount)
    for (const { leaf, index, siblings } of vector.paths) {
      expect(tree.pathOf(index)).toEqual({ index, siblings })
      expect(rootOfPath(leaf, { index, siblings })).toBe(vector.root)
    }
  })
})

describe('settlements', () => {
  it.each(vectors.items)('pack an item of $consumer', async (vector) => {
    const { packed, deliveredWh, consumerSignature, ctpDigest, consumer, ctpId } = vector
    const fields = typesOf('Ctp').map(({ name }) => [name, vector[name]])
    const ctp = decodeMessage('Ctp', Object.fromEntries(fields))
    expect(packBatch([{ ctp, consumerSignature, deliveredWh: wh(deliveredWh) }])).toBe(packed)
    expect(unpackBatch(packed)).toEqual([{ ctp, consumerSignature, deliveredWh }])
    expect(bytesToHex(digestOf(market, 'Ctp', ctp))).toBe(ctpDigest)
    expect(recoverSigner(hexToBytes(ctpDigest), consumerSignature)).toBe(consumer)
    expect(ctpIdOf(hexToBytes(ctpDigest), consumer)).toBe(ctpId)
  })

  it.each(vectors.batches)('hash a batch of $itemCount', ({ itemCount, packed, itemsHash }) => {
    expect(unpackBatch(packed)).toHaveLength(itemCount)
    expect(packBatch(unpackBatch(packed))).toBe(packed)
    expect(itemsHashOf(packed)).toBe(itemsHash)
    expect(keccak256(packed)).toBe(itemsHash)
  })

  it.each(vectors.payments)('pay $paymentWei of $amountWei', (vector) => {
    const { amountWei, energyWh, deliveredWh, paymentWei } = vector
    const paid = paymentOf(wei(BigInt(amountWei)), wh(energyWh), wh(deliveredWh))
    expect(paid.toString()).toBe(paymentWei)
  })
})

/** Our compact form in the 65 bytes that an independent implementation takes. */
function expand(signature: Hex): Hex {
  const { r, yParityAndS } = parseCompactSignature(signature)
  const packed = BigInt(yParityAndS)
  const yParity = Number(packed >> 255n)
  const s = (packed & ((1n << 255n) - 1n)).toString(16).padStart(64, '0')
  return serializeSignature({ r, s: `0x${s}`, yParity })
}

describe('signatures', () => {
  it.each(vectors.signatures)('by $address are those of viem', async (vector) => {
    const { digest, privateKey, address, signature } = vector
    const key = hexToBytes(privateKey)
    expect(addressOf(key)).toBe(address)
    expect(privateKeyToAddress(privateKey).toLowerCase()).toBe(address)
    expect(signDigest(hexToBytes(digest), key)).toBe(signature)
    const compact = signatureToCompactSignature(await sign({ hash: digest, privateKey }))
    expect(serializeCompactSignature(compact)).toBe(signature)
    expect(recoverSigner(hexToBytes(digest), signature)).toBe(address)
    const recovered = await recoverAddress({ hash: digest, signature: expand(signature) })
    expect(recovered.toLowerCase()).toBe(address)
  })

  it.each(vectors.hostileSignatures)('are not taken for somebody’s: $name', async (vector) => {
    const { digest, signature, length, recovers } = vector
    expect((signature.length - 2) / 2).toBe(length)
    const signer = recoverSigner(hexToBytes(digest), signature)
    expect(signer ?? zeroAddress).toBe(recovers)
    expect(signer).not.toBe(vectors.signatures[2]!.address)
    if (recovers === zeroAddress) return
    const recovered = await recoverAddress({ hash: digest, signature: expand(signature) })
    expect(recovered.toLowerCase()).toBe(recovers)
  })

  it('hostile ones recover nobody, but for those that are merely another’s', () => {
    const others = vectors.hostileSignatures.filter(({ recovers }) => recovers !== zeroAddress)
    expect(others.map(({ name }) => name)).toEqual([
      ...['high s', 's exactly half', 'other parity', 'other digest', 'zero digest'],
      'digest above the order',
    ])
  })
})

describe('peer records', () => {
  it.each(vectors.peerRecords)('of $signer, packed and signed', ({ packed, signer, ...vector }) => {
    const { peerId, addresses, sequence, signature } = vector
    const record = { peerId, addresses, sequence: BigInt(sequence), signature }
    expect(decodePeerRecord(hexToBytes(packed))).toEqual(record)
    expect(bytesToHex(encodePeerRecord(record))).toBe(packed)
    expect(signerOfPeerRecord(market, record)).toBe(signer)
    const hexOf = (text: string): Hex => `0x${Buffer.from(text).toString('hex')}`
    const digest = hashTypedData({
      domain: domainOf('PeerRecord'),
      types: { PeerRecord: typesOf('PeerRecord') },
      primaryType: 'PeerRecord',
      message: { peerId: hexOf(peerId), addresses: hexOf(addresses.join('\n')), sequence },
    } as never)
    expect(recoverSigner(hexToBytes(digest), signature)).toBe(signer)
  })
})
