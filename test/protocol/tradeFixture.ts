import type { Address, Bytes32, Hex } from '../../src/protocol/bytes.ts'
import { bytesToHex } from '../../src/protocol/bytes.ts'
import type { Committee } from '../../src/protocol/committee.ts'
import type { CtpSubmission } from '../../src/protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf, type Market } from '../../src/protocol/digest.ts'
import type { HoldCertificate, Vote } from '../../src/protocol/holdCertificate.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import { buildMerkleTree } from '../../src/protocol/merkle.ts'
import type { Coe, Ctp, MeterCertificate } from '../../src/protocol/messages.ts'
import type { MeterEvidence } from '../../src/protocol/meterEvidence.ts'
import { addressOf, signMessage } from '../../src/protocol/signature.ts'
import { seconds, wei, wh } from '../../src/protocol/units.ts'

const text = new TextEncoder()

/** A private key that belongs to a label; the same one always. */
export function keyOf(label: string): Uint8Array {
  return keccak256(text.encode(`spb test key ${label}`))
}

/** The address of a label's key. */
export function addressFor(label: string): Address {
  return addressOf(keyOf(label))
}

/** 32 bytes that belong to a label; the same ones always. */
export function bytes32For(label: string): Bytes32 {
  return bytesToHex(keccak256(text.encode(`spb test bytes ${label}`)))
}

export const market: Market = { chainId: 31_337, address: addressFor('market') }
export const sameAddressOtherChain: Market = { ...market, chainId: 31_338 }
export const otherAddressSameChain: Market = { ...market, address: addressFor('other market') }

/** The end of the fixture's CTPs. */
export const expirySeconds = seconds(1_900_000_000)

/** What a test wants to be different from a valid trade. */
export type TradeChanges = {
  consumer?: string
  signer?: string
  ctp?: Partial<Ctp>
  coe?: Partial<Coe>
  witness?: Partial<MeterCertificate>
  /** Who signs the CoE, and who signs the witness's certificate. */
  coeSigner?: string
  manufacturer?: string
  readySigner?: string
  acceptSigner?: string
}

/** The one-time keys of the fixture's meter: five, so that the tree is filled up with zeros. */
export const meterKeyLabels = ['meter 0', 'meter 1', 'meter 2', 'meter 3', 'meter 4']
export const meterTree = buildMerkleTree(meterKeyLabels.map(addressFor))
const keyIndex = 2

/** Evidence for the fixture's meter key, signed after the changes were made. */
export function makeEvidence(changes: TradeChanges = {}): MeterEvidence {
  const coe: Coe = {
    root: meterTree.root,
    height: meterTree.height,
    notBeforeSeconds: seconds(expirySeconds - 1000),
    notAfterSeconds: seconds(expirySeconds + 1000),
    ...changes.coe,
  }
  const witness: MeterCertificate = {
    meter: addressFor('witness'),
    model: bytes32For('model'),
    notAfterSeconds: seconds(expirySeconds + 500),
    ...changes.witness,
  }
  const coeSigner = keyOf(changes.coeSigner ?? 'witness')
  const manufacturer = keyOf(changes.manufacturer ?? 'manufacturer')
  return {
    kind: 0,
    path: meterTree.pathOf(keyIndex),
    coe,
    coeSignature: signMessage(market, 'CoE', coe, coeSigner),
    witness,
    witnessSignature: signMessage(market, 'MeterCertificate', witness, manufacturer),
  }
}

/** A CTP that is valid but for the changes. */
export function makeCtp(changes: Partial<Ctp> = {}): Ctp {
  return {
    producer: addressFor('producer'),
    offerId: 7n,
    amountWei: wei(10n ** 15n),
    energyWh: wh(1500),
    nonce: 0,
    expirySeconds,
    meterKey: addressFor(meterKeyLabels[keyIndex]!),
    ...changes,
  }
}

/** The id of a CTP of a consumer. */
export function idOf(ctp: Ctp, consumer: Address): Bytes32 {
  return ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
}

/** A submission that is valid but for the changes, with its consumer and id. */
export function makeSubmission(changes: TradeChanges = {}): {
  submission: CtpSubmission
  consumer: Address
  ctpId: Bytes32
} {
  const ctp = makeCtp(changes.ctp)
  const consumerLabel = changes.consumer ?? 'consumer'
  const consumer = addressFor(consumerLabel)
  const ctpId = idOf(ctp, consumer)
  const readyKey = keyOf(changes.readySigner ?? meterKeyLabels[keyIndex]!)
  const { acceptSigner } = changes
  const submission: CtpSubmission = {
    market,
    ctp,
    consumerSignature: signMessage(market, 'Ctp', ctp, keyOf(changes.signer ?? consumerLabel)),
    meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, readyKey),
    evidence: makeEvidence(changes),
  }
  if (acceptSigner !== undefined) {
    submission.acceptSignature = signMessage(market, 'Accept', { ctpId }, keyOf(acceptSigner))
  }
  return { submission, consumer, ctpId }
}

/** A committee of `size` members, whose keys belong to the labels `member 0` and so on. */
export function makeCommittee(size: number, epoch = 3): Committee {
  return {
    epoch,
    members: Array.from({ length: size }, (_, member) => addressFor(`member ${member}`)),
  }
}

/** A member's vote for a batch of CTPs, with the path of one of them. */
export function makeVote(member: number, ctpIds: readonly Hex[], index: number, epoch = 3): Vote {
  const tree = buildMerkleTree(ctpIds)
  const message = { epoch, ctpsRoot: tree.root }
  return {
    member,
    signature: signMessage(market, 'HoldVote', message, keyOf(`member ${member}`)),
    path: tree.pathOf(index),
  }
}

/** A hold certificate by some members, each of whom voted for this CTP alone. */
export function makeHoldCertificate(members: readonly number[], epoch = 3): HoldCertificate {
  const { submission, ctpId } = makeSubmission()
  const { ctp, consumerSignature } = submission
  const votes = members.map((member) => makeVote(member, [ctpId], 0, epoch))
  return { ctp, consumerSignature, epoch, votes }
}
