import type { MeterReading } from '../ports/meterReading.ts'
import type { KeyReference, LeafStatement, MeterSigner } from '../ports/meterSigner.ts'
import type {
  MeterBinding,
  MeterState,
  MeterStorage,
  OpenMeterState,
} from '../ports/meterStorage.ts'
import type { Address, Bytes32, Signature } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf, type Market } from '../protocol/digest.ts'
import type { Ctp } from '../protocol/messages.ts'
import type { MeterEvidence, SignedCoe } from '../protocol/meterEvidence.ts'
import type { RandomBytes } from '../protocol/sealedBox.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import { assert, SpbError } from '../protocol/spbError.ts'
import { maxUint32, type Seconds, type Wh } from '../protocol/units.ts'
import type { WitnessPost, WitnessPostTerms } from '../protocol/witnessPost.ts'
import { isUnfinished } from './allocation.ts'
import { BindingIndex } from './bindingIndex.ts'
import type { CoeRequest } from './coeRequest.ts'
import { GrownTrees } from './grownTrees.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'
import { createSeedSigner } from './meterKeys.ts'
import {
  addBinding,
  addTree,
  type BindingPlace,
  bindingAt,
  changeBinding,
  checkCoverage,
  countKeys,
  findTree,
  findUnacknowledged,
  isSameMarket,
  isTreeFor,
  marketOf,
  reserveLeaf,
} from './meterTrees.ts'
import { checkReading, type ReadingRules } from './registerRules.ts'
import { needsRenewal } from './renewalNeed.ts'
import { makeRestoredSafe } from './restoredMeter.ts'
import { type ReadingOutcome, takeReading } from './takeReading.ts'
import { type RenewalOptions, requestCoe } from './treeRenewal.ts'
import { signWitnessPost, type Witness, type WitnessPolicy, witnessTree } from './witness.ts'

/** A reserved one-time key: the address that the CTP names, and where it is. */
export type ReservedKey = { meterKey: Address; reference: KeyReference }

/** The meter's part of a CTP submission. */
export type MeterReadiness = { meterReadySignature: Signature; evidence: MeterEvidence }

/** What opening a meter may need beside its storage. */
export type OpenMeterOptions = {
  /** The secure element with its keys; absent where they come from the stored seed. */
  signer?: MeterSigner
  /** Real time, for a meter that was put back from a copy: energy up to now counts no more. */
  nowSeconds?: Seconds
  /** The system's own where left out. */
  randomBytes?: RandomBytes
}

const systemRandom: RandomBytes = (length) => crypto.getRandomValues(new Uint8Array(length))

function findSigner({ seed, certificate }: MeterState, given?: MeterSigner): MeterSigner {
  const signer = given ?? (seed && createSeedSigner(seed))
  if (signer === undefined) throw new SpbError('meter/element-missing')
  if (signer.identity !== certificate.meter) {
    throw new SpbError('meter/element-missing', 'The secure element is that of another meter.')
  }
  return signer
}

/**
 * Opens a meter that is kept in a storage. One that was put back from a copy gives up all unused
 * keys first: it is as good as before once a next tree is witnessed.
 *
 * Throws `meter/unknown`, `meter/element-missing`, `store/failed`.
 */
export function openSoftwareMeter(
  storage: MeterStorage,
  { signer, nowSeconds, randomBytes = systemRandom }: OpenMeterOptions = {},
): SoftwareMeter {
  let state = storage.load()
  if (state === undefined) throw new SpbError('meter/unknown')
  const found = findSigner(state, signer)
  if (state.isRestored === true) {
    state = makeRestoredSafe(state, randomBytes, nowSeconds)
    storage.save(state)
  }
  return new SoftwareMeter(state, found, storage)
}

/**
 * A meter in software: one-time keys in witnessed trees, each bound to one CTP for good, and
 * receipts that only grow. All that it signs is kept before the signature leaves it.
 *
 * It measures by `recordReading`. Before its first reading `receipt` takes the household's word
 * for what came; `release` always does for what will not.
 */
export class SoftwareMeter {
  readonly #signer: MeterSigner
  readonly #storage: MeterStorage
  #state: MeterState
  /** True while something is in memory only; see `#keepLater`. */
  #isAhead = false
  readonly #grownTrees: GrownTrees
  /** Keys taken but not yet bound; in memory only, so a crash loses and never reuses them. */
  readonly #reserved = new Map<Address, KeyReference>()
  readonly #bindings: BindingIndex

  constructor(state: MeterState, signer: MeterSigner, storage: MeterStorage) {
    assert(state.certificate.meter === signer.identity, 'the certificate names the identity key')
    this.#signer = signer
    this.#storage = storage
    this.#state = state
    this.#grownTrees = new GrownTrees(signer)
    this.#bindings = new BindingIndex(state)
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

  /** How many unused keys could serve a CTP of this expiry, of an account or of any. */
  keysLeft(expirySeconds: Seconds, consumer?: Address): number {
    return countKeys(this.#state, expirySeconds, consumer)
  }

  /** True when the next tree is due, for CTPs of up to this life; `usualLongestLifeSeconds`. */
  needsRenewal(nowSeconds: Seconds, longestLifeSeconds?: number): boolean {
    return needsRenewal(this.#state, nowSeconds, longestLifeSeconds)
  }

  /**
   * Reserves an unused key for a CTP of this expiry. It is used up, whether it gets bound or not.
   * For a consumer it is of a tree in which no other account is bound.
   *
   * Throws `meter/unacknowledged`, `meter/exhausted`, `meter/other-account`, `meter/coe-expired`,
   * `meter/witness-expired`, `store/failed`.
   */
  takeKey(expirySeconds: Seconds, consumer?: Address): ReservedKey {
    this.#checkAcknowledged()
    const { state, key } = reserveLeaf(this.#state, expirySeconds, consumer)
    this.#keep(state)
    const meterKey = this.#grownTrees.grow(findTree(state, key.tree)!).keys[key.leaf]!
    this.#reserved.set(meterKey, key)
    return { meterKey, reference: key }
  }

  /**
   * Binds a reserved key to the CTP that names it, and says that a receipt can come. The same CTP
   * again gives the same answer, also after a restart. The first binding of a tree says which
   * account the tree serves: no root shows two accounts to be of one household.
   *
   * Throws `meter/unacknowledged`, `meter/key-unknown`, `meter/key-used`, `meter/other-account`,
   * `ctp/wrong-market`, `meter/coe-expired`, `meter/witness-expired`, `store/failed`.
   */
  bind(ctp: Ctp, consumer: Address, market: Market): MeterReadiness {
    const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
    const bound = this.#bindings.find(ctpId)
    if (bound !== undefined) return this.#declareReady(bound)

    const key = this.#reserved.get(ctp.meterKey)
    const tree = key && findTree(this.#state, key.tree)
    if (key === undefined || tree === undefined) throw this.#refuseKey(ctp.meterKey)
    if (!isSameMarket(tree.market, market)) throw new SpbError('ctp/wrong-market')
    checkCoverage(tree, ctp.expirySeconds)
    if (!isTreeFor(tree, consumer)) throw new SpbError('meter/other-account')
    this.#checkAcknowledged()

    this.#keep(addBinding(this.#state, tree, { leaf: key.leaf, ctpId, ctp, consumer }))
    const place = { tree: tree.number, position: tree.bindings.length }
    this.#reserved.delete(ctp.meterKey)
    this.#bindings.add(ctpId, place)
    return this.#declareReady(place)
  }

  /**
   * Receipts by hand that `deliveredWh` have come for a CTP so far. The energy of the last receipt
   * again gives that same receipt, with its time.
   *
   * Throws `meter/measured` from the first reading on, `input/energy`, `erc/zero`,
   * `erc/unknown-ctp`, `erc/lower`, `store/failed`.
   */
  receipt(ctpId: Bytes32, deliveredWh: Wh, measuredAtSeconds: Seconds): SignedErc {
    if (this.#state.register !== undefined) throw new SpbError('meter/measured')
    checkEnergy(deliveredWh)
    if (deliveredWh === 0) throw new SpbError('erc/zero')
    const place = this.#bindings.placeOf(ctpId)
    const lastWh = bindingAt(this.#state, place).deliveredWh
    if (deliveredWh < lastWh) {
      throw new SpbError('erc/lower', `${lastWh} Wh are receipted already.`, {
        meta: { deliveredWh: lastWh },
      })
    }
    if (deliveredWh > lastWh) {
      const change = { deliveredWh, measuredAtSeconds, signedWh: deliveredWh }
      this.#keep(changeBinding(this.#state, place, change))
    }
    return this.#signReceipt(place)
  }

  /**
   * The receipt of all that came for a CTP; undefined before any. That it was signed is kept first:
   * from then on it wants an acknowledgement. Throws `erc/unknown-ctp`, `store/failed`.
   */
  receiptOf(ctpId: Bytes32): SignedErc | undefined {
    const place = this.#bindings.placeOf(ctpId)
    return bindingAt(this.#state, place).deliveredWh === 0 ? undefined : this.#signReceipt(place)
  }

  /**
   * Notes that enough members keep a CTP's receipt of so much energy, or that no node takes it any
   * more. Until then the meter takes on no new CTP. A crash may forget it: receipts that were not
   * acknowledged are to be sent again.
   *
   * Throws `input/energy`, `erc/unknown-ctp`.
   */
  acknowledge(ctpId: Bytes32, deliveredWh: Wh): void {
    checkEnergy(deliveredWh)
    const place = this.#bindings.placeOf(ctpId)
    const { acknowledgedWh } = bindingAt(this.#state, place)
    if (deliveredWh <= acknowledgedWh) return
    this.#keepLater(changeBinding(this.#state, place, { acknowledgedWh: deliveredWh }))
  }

  /**
   * Takes a reading of the cumulative register. What it counts goes to the CTPs that are live at
   * the end of its interval, the earliest bound first; the rest is own consumption. Register and
   * deliveries are kept at once, nothing is signed: see `receiptOf`.
   *
   * Readings of any order and quality may come; what is no energy is noted as an incident. Throws
   * `source/value`, `source/time`, `source/too-large` for what is no reading, and `store/failed`:
   * nothing happened then, and the same reading can come again.
   */
  recordReading(reading: MeterReading, rules: Partial<ReadingRules> = {}): ReadingOutcome {
    checkReading(reading)
    const isOpen = (place: BindingPlace) => isUnfinished(bindingAt(this.#state, place))
    const places = this.#bindings.unfinished(isOpen)
    const { state, outcome, canWait } = takeReading(this.#state, places, reading, rules)
    if (canWait) this.#keepLater(state)
    else this.#keep(state)
    return outcome
  }

  /**
   * Ends a CTP's share of readings: it was refused or declined, so no energy comes for it. What
   * was receipted stays. Throws `erc/unknown-ctp`, `store/failed`.
   */
  release(ctpId: Bytes32): void {
    this.#keep(changeBinding(this.#state, this.#bindings.placeOf(ctpId), { isReleased: true }))
  }

  /** What is bound to a CTP; undefined where nothing is. */
  bindingOf(ctpId: Bytes32): MeterBinding | undefined {
    const place = this.#bindings.find(ctpId)
    return place && bindingAt(this.#state, place)
  }

  /**
   * Gets a next tree witnessed for a market, before or after the last one is used up. Old keys and
   * bindings stay usable in their market; keys are taken for the newest tree's market only.
   *
   * Throws `meter/exhausted` after 2^32 - 1 tree numbers, what `requestCoe` throws, and
   * `store/failed`.
   */
  async renew(market: Market, witness: Witness, options: RenewalOptions): Promise<SignedCoe> {
    const number = this.#state.nextTree
    const height = this.#state.treeHeight
    if (number >= maxUint32) throw new SpbError('meter/exhausted', 'No tree is left to be grown.')
    // No root is shown to two witnesses, whatever becomes of the first request.
    this.#keep({ ...this.#state, nextTree: number + 1 })
    const { root } = this.#grownTrees.grow({ number, height }).merkle
    try {
      const owner = this.signedCertificate
      const coe = await requestCoe({ market, root, height, owner }, this.#signer, witness, options)
      const own = { chainId: market.chainId, address: market.address }
      const tree = { number, height, market: own, coe, nextLeaf: 0, bindings: [] }
      this.#keep(addTree(this.#state, tree, options.nowSeconds))
    } finally {
      this.#grownTrees.forgetLost(this.#state)
      this.#bindings.forgetLost(this.#state)
    }
    return findTree(this.#state, number)!.coe
  }

  /** Vouches for another meter's tree. Throws what `witnessTree` throws. */
  certify(request: CoeRequest, policy: WitnessPolicy): SignedCoe {
    return witnessTree(this.#signer, this.signedCertificate, request, policy)
  }

  /** Says to a node, and through it to all meters, that this one is ready to witness. */
  announce(market: Market, terms: WitnessPostTerms): WitnessPost {
    return signWitnessPost(this.#signer, this.signedCertificate, market, terms)
  }

  /** Keeps what is in memory only. Throws `store/failed`. */
  flush(): void {
    if (this.#isAhead) this.#keep(this.#state)
  }

  /** Keeps what is in memory only, and closes the meter's storage. Throws `store/failed`. */
  close(): void {
    try {
      this.flush()
    } finally {
      this.#isAhead = false
      this.#storage.close()
    }
  }

  /** Nothing is signed, and no key is given, before this has returned. */
  #keep(state: MeterState): void {
    this.#storage.save(state)
    this.#state = state
    this.#isAhead = false
  }

  /** Keeps a state with whatever is kept next: for what a crash may forget. */
  #keepLater(state: MeterState): void {
    this.#state = state
    this.#isAhead = true
  }

  #checkAcknowledged(): void {
    const [waiting] = findUnacknowledged(this.#state)
    if (waiting === undefined) return
    const { ctpId, signedWh, acknowledgedWh } = waiting
    throw new SpbError('meter/unacknowledged', undefined, {
      meta: { ctpId, receiptedWh: signedWh, acknowledgedWh },
    })
  }

  #refuseKey(meterKey: Address): SpbError {
    const isUsed = this.#state.trees.some(({ bindings }) =>
      bindings.some(({ ctp }) => ctp.meterKey === meterKey),
    )
    return new SpbError(isUsed ? 'meter/key-used' : 'meter/key-unknown')
  }

  #declareReady(place: BindingPlace): MeterReadiness {
    const tree = findTree(this.#state, place.tree)!
    const { leaf, ctpId } = bindingAt(this.#state, place)
    const { market, number } = tree
    const statement: LeafStatement = { market, name: 'MeterReady', message: { ctpId } }
    const path = this.#grownTrees.grow(tree).merkle.pathOf(leaf)
    return {
      meterReadySignature: this.#signer.signAsLeaf({ tree: number, leaf }, statement),
      evidence: { kind: 0, path, ...tree.coe },
    }
  }

  #signReceipt(place: BindingPlace): SignedErc {
    const { market } = findTree(this.#state, place.tree)!
    const { leaf, ctpId, deliveredWh, measuredAtSeconds, signedWh } = bindingAt(this.#state, place)
    if (signedWh < deliveredWh) {
      this.#keep(changeBinding(this.#state, place, { signedWh: deliveredWh }))
    }
    const erc = { ctpId, deliveredWh, measuredAtSeconds }
    const statement: LeafStatement = { market, name: 'Erc', message: erc }
    return { erc, signature: this.#signer.signAsLeaf({ tree: place.tree, leaf }, statement) }
  }
}

function checkEnergy(energyWh: Wh): void {
  if (!Number.isInteger(energyWh) || energyWh < 0 || energyWh > maxUint32) {
    throw new SpbError('input/energy', 'The energy is not a whole number of Wh below 2^32.')
  }
}
