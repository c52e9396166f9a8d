import type { KeyReference, MeterSigner } from '../ports/meterSigner.ts'
import type {
  MeterBinding,
  MeterState,
  MeterStorage,
  MeterTree,
  OpenMeterState,
} from '../ports/meterStorage.ts'
import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf, type Market } from '../protocol/digest.ts'
import { buildMerkleTree, type MerkleTree } from '../protocol/merkle.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { MeterEvidence, SignedCoe } from '../protocol/meterEvidence.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import { maxUint32, type Seconds, type Wh, wh } from '../protocol/units.ts'
import { allocate } from './allocation.ts'
import type { CoeRequest } from './coeRequest.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  addBinding,
  addTree,
  type BindingPlace,
  changeBinding,
  checkCoverage,
  countKeys,
  type Delivery,
  findTree,
  isSameMarket,
  marketOf,
  reserveLeaf,
} from './meterTrees.ts'
import { type RenewalOptions, requestCoe } from './treeRenewal.ts'
import { type Witness, type WitnessPolicy, witnessTree } from './witness.ts'

/** A reserved one-time key: the address that the CTP names, and where it is. */
export type ReservedKey = { meterKey: Address; reference: KeyReference }

/** The meter's part of a CTP submission. */
export type MeterReadiness = { meterReadySignature: Signature; evidence: MeterEvidence }

type GrownTree = { keys: Address[]; merkle: MerkleTree }

/** Opens a meter that is kept in a storage. Throws `meter/unknown`. */
export function openSoftwareMeter(storage: MeterStorage): SoftwareMeter {
  const state = storage.load()
  if (state === undefined) throw new SpbError('meter/unknown')
  return new SoftwareMeter(state, createSeedSigner(state.seed), storage)
}

/**
 * A meter in software: one-time keys in witnessed trees, each bound to one CTP for good, and
 * receipts that only grow. All that it signs is kept before the signature leaves it.
 *
 * `receipt`, `recordImport` and `release` take the household's word for what was measured; a
 * tamper-resistant meter would measure itself.
 */
export class SoftwareMeter {
  readonly #signer: MeterSigner
  readonly #storage: MeterStorage
  #state: MeterState
  readonly #grownTrees = new Map<number, GrownTree>()
  /** Keys taken but not yet bound; in memory only, so a crash loses and never reuses them. */
  readonly #reserved = new Map<Address, KeyReference>()
  readonly #places = new Map<Bytes32, BindingPlace>()
  /** Bindings that may still take readings, in the order of binding. */
  #open: BindingPlace[]

  constructor(state: MeterState, signer: MeterSigner, storage: MeterStorage) {
    assert(state.certificate.meter === signer.identity, 'the certificate names the identity key')
    this.#signer = signer
    this.#storage = storage
    this.#state = state
    const ordered: { place: BindingPlace; order: number }[] = []
    for (const tree of state.trees) {
      for (const [position, { ctpId, order }] of tree.bindings.entries()) {
        const place = { tree: tree.number, position }
        this.#places.set(ctpId, place)
        ordered.push({ place, order })
      }
    }
    this.#open = ordered.sort((a, b) => a.order - b.order).map(({ place }) => place)
  }

  /** The address of the meter's identity; never part of what it signs for a trade. */
  get identity(): Address {
    return this.#signer.identity
  }

  get signedCertificate(): SignedMeterCertificate {
    const { certificate, manufacturerSignature } = this.#state
    return { certificate, manufacturerSignature }
  }

  /** The market of the newest tree; undefined before the first. */
  get market(): Market | undefined {
    return marketOf(this.#state)
  }

  /** All that the meter keeps, its secret apart. */
  get state(): OpenMeterState {
    const { seed: _, ...open } = this.#state
    return open
  }

  /** How many unused keys could serve a CTP of this expiry: renew in time. */
  keysLeft(expirySeconds: Seconds): number {
    return countKeys(this.#state, expirySeconds)
  }

  /**
   * Reserves an unused key for a CTP of this expiry. It is used up, whether it gets bound or not.
   *
   * Throws `meter/exhausted`, `meter/coe-expired`, `meter/witness-expired`, `store/failed`.
   */
  takeKey(expirySeconds: Seconds): ReservedKey {
    const { state, key } = reserveLeaf(this.#state, expirySeconds)
    this.#keep(state)
    const meterKey = this.#growTree(findTree(state, key.tree)!).keys[key.leaf]!
    this.#reserved.set(meterKey, key)
    return { meterKey, reference: key }
  }

  /**
   * Binds a reserved key to the CTP that names it, and says that a receipt can come. The same CTP
   * again gives the same answer, also after a restart.
   *
   * Throws `meter/key-unknown`, `meter/key-used`, `ctp/wrong-market`, `meter/coe-expired`,
   * `meter/witness-expired`, `store/failed`.
   */
  bind(ctp: Ctp, consumer: Address, market: Market): MeterReadiness {
    const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
    const bound = this.#places.get(ctpId)
    if (bound !== undefined) return this.#declareReady(bound)

    const key = this.#reserved.get(ctp.meterKey)
    const tree = key && findTree(this.#state, key.tree)
    if (key === undefined || tree === undefined) throw this.#refuseKey(ctp.meterKey)
    if (!isSameMarket(tree.market, market)) throw new SpbError('ctp/wrong-market')
    checkCoverage(tree, ctp.expirySeconds)

    this.#keep(addBinding(this.#state, tree, { leaf: key.leaf, ctpId, ctp, consumer }))
    const place = { tree: tree.number, position: tree.bindings.length }
    this.#reserved.delete(ctp.meterKey)
    this.#places.set(ctpId, place)
    this.#open.push(place)
    return this.#declareReady(place)
  }

  /**
   * Receipts that `deliveredWh` have come for a CTP so far: a statement of what was measured. The
   * energy of the last receipt again gives that same receipt, with its time.
   *
   * Throws `input/energy`, `erc/zero`, `erc/unknown-ctp`, `erc/lower`, `store/failed`.
   */
  receipt(ctpId: Bytes32, deliveredWh: Wh, measuredAtSeconds: Seconds): SignedErc {
    checkEnergy(deliveredWh)
    if (deliveredWh === 0) throw new SpbError('erc/zero')
    const place = this.#placeOf(ctpId)
    const lastWh = this.#bindingAt(place).deliveredWh
    if (deliveredWh < lastWh) {
      throw new SpbError('erc/lower', `${lastWh} Wh are receipted already.`, {
        meta: { deliveredWh: lastWh },
      })
    }
    if (deliveredWh > lastWh) this.#deliver([{ place, deliveredWh, measuredAtSeconds }])
    return this.#signReceipt(place)
  }

  /** The last receipt of a CTP; undefined before the first. Throws `erc/unknown-ctp`. */
  receiptOf(ctpId: Bytes32): SignedErc | undefined {
    const place = this.#placeOf(ctpId)
    return this.#bindingAt(place).deliveredWh === 0 ? undefined : this.#signReceipt(place)
  }

  /**
   * Shares measured import (0 to 2^32 - 1 Wh since the last reading) out over the CTPs live at
   * `nowSeconds`, up to and with their expiry, the earliest bound first, and receipts what each
   * got. Energy beyond all live CTPs is own consumption: nobody's receipt.
   *
   * Readings come in order of time. Throws `input/energy`, `store/failed`.
   */
  recordImport(importWh: Wh, nowSeconds: Seconds): SignedErc[] {
    checkEnergy(importWh)
    this.#open = this.#open.filter((place) => isOpen(this.#bindingAt(place), nowSeconds))
    const wanted = this.#open.map((place) => missingWh(this.#bindingAt(place)))
    const shares = allocate(importWh, wanted)
    const deliveries: Delivery[] = []
    for (const [at, place] of this.#open.entries()) {
      const shareWh = shares[at]!
      if (shareWh === 0) continue
      const deliveredWh = wh(this.#bindingAt(place).deliveredWh + shareWh)
      deliveries.push({ place, deliveredWh, measuredAtSeconds: nowSeconds })
    }
    this.#deliver(deliveries)
    return deliveries.map(({ place }) => this.#signReceipt(place))
  }

  /**
   * Ends a CTP's share of readings: it was refused or declined, so no energy comes for it. What
   * was receipted stays. Throws `erc/unknown-ctp`, `store/failed`.
   */
  release(ctpId: Bytes32): void {
    this.#keep(changeBinding(this.#state, this.#placeOf(ctpId), { isReleased: true }))
  }

  /** What is bound to a CTP; undefined where nothing is. */
  bindingOf(ctpId: Bytes32): MeterBinding | undefined {
    const place = this.#places.get(ctpId)
    return place && this.#bindingAt(place)
  }

  /**
   * Gets a next tree witnessed for a market, before or after the last one is used up. Old keys and
   * bindings stay usable in their market; keys are taken for the newest tree's market only.
   *
   * Throws `meter/certificate-expired`, what `askWitness` throws, and `store/failed`.
   */
  async renew(market: Market, witness: Witness, options: RenewalOptions): Promise<SignedCoe> {
    const number = this.#state.nextTree
    const height = this.#state.treeHeight
    // No root is shown to two witnesses, whatever becomes of the first request.
    this.#keep({ ...this.#state, nextTree: number + 1 })
    const grown = this.#growTree({ number, height })
    try {
      const { root } = grown.merkle
      const owner = this.signedCertificate
      const coe = await requestCoe({ market, root, height, owner }, this.#signer, witness, options)
      const own = { chainId: market.chainId, address: market.address }
      const tree = { number, height, market: own, coe, nextLeaf: 0, bindings: [] }
      this.#keep(addTree(this.#state, tree, options.nowSeconds))
    } finally {
      this.#forgetLostTrees()
    }
    return findTree(this.#state, number)!.coe
  }

  /** Vouches for another meter's tree. Throws what `witnessTree` throws. */
  certify(request: CoeRequest, policy: WitnessPolicy): SignedCoe {
    return witnessTree(this.#signer, this.signedCertificate, request, policy)
  }

  /** Closes the meter's storage. */
  close(): void {
    this.#storage.close()
  }

  /** Nothing is signed, and no key is given, before this has returned. */
  #keep(state: MeterState): void {
    this.#storage.save(state)
    this.#state = state
  }

  #growTree({ number, height }: Pick<MeterTree, 'number' | 'height'>): GrownTree {
    let grown = this.#grownTrees.get(number)
    if (grown === undefined) {
      const keys = this.#signer.leafKeys(number, height)
      grown = { keys, merkle: buildMerkleTree(keys) }
      this.#grownTrees.set(number, grown)
    }
    return grown
  }

  /** Drops from memory what belongs to trees that the state does not hold. */
  #forgetLostTrees(): void {
    const isKept = (number: number) => findTree(this.#state, number) !== undefined
    for (const number of this.#grownTrees.keys()) {
      if (!isKept(number)) this.#grownTrees.delete(number)
    }
    for (const [ctpId, { tree }] of this.#places) {
      if (!isKept(tree)) this.#places.delete(ctpId)
    }
    this.#open = this.#open.filter(({ tree }) => isKept(tree))
  }

  #bindingAt({ tree, position }: BindingPlace): MeterBinding {
    return findTree(this.#state, tree)!.bindings[position]!
  }

  #placeOf(ctpId: Bytes32): BindingPlace {
    const place = this.#places.get(ctpId)
    if (place === undefined) {
      throw new SpbError('erc/unknown-ctp', 'The meter is not bound to a CTP of this id.')
    }
    return place
  }

  #refuseKey(meterKey: Address): SpbError {
    const isUsed = this.#state.trees.some(({ bindings }) =>
      bindings.some(({ ctp }) => ctp.meterKey === meterKey),
    )
    return new SpbError(isUsed ? 'meter/key-used' : 'meter/key-unknown')
  }

  #declareReady(place: BindingPlace): MeterReadiness {
    const tree = findTree(this.#state, place.tree)!
    const { leaf, ctpId } = this.#bindingAt(place)
    const digest = digestOf(tree.market, 'MeterReady', { ctpId })
    const path = this.#growTree(tree).merkle.pathOf(leaf)
    return {
      meterReadySignature: this.#signer.signAsLeaf({ tree: tree.number, leaf }, digest),
      evidence: { kind: 0, path, ...tree.coe },
    }
  }

  #deliver(deliveries: readonly Delivery[]): void {
    if (deliveries.length === 0) return
    let state = this.#state
    for (const { place, ...delivery } of deliveries) state = changeBinding(state, place, delivery)
    this.#keep(state)
  }

  #signReceipt(place: BindingPlace): SignedErc {
    const { market } = findTree(this.#state, place.tree)!
    const { leaf, ctpId, deliveredWh, measuredAtSeconds } = this.#bindingAt(place)
    const erc = { ctpId, deliveredWh, measuredAtSeconds }
    const digest = digestOf(market, 'Erc', erc)
    return { erc, signature: this.#signer.signAsLeaf({ tree: place.tree, leaf }, digest) }
  }
}

function checkEnergy(energyWh: Wh): void {
  if (!Number.isInteger(energyWh) || energyWh < 0 || energyWh > maxUint32) {
    throw new SpbError('input/energy', 'The energy is not a whole number of Wh below 2^32.')
  }
}

function missingWh({ ctp, deliveredWh }: MeterBinding): number {
  return Math.max(0, ctp.energyWh - deliveredWh)
}

/** True for a binding that takes readings now; once false, false for good. */
function isOpen(binding: MeterBinding, nowSeconds: Seconds): boolean {
  const { ctp, isReleased } = binding
  return !isReleased && nowSeconds <= ctp.expirySeconds && missingWh(binding) > 0
}
