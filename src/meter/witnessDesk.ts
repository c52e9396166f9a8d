import { hmac } from '@noble/hashes/hmac.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { type Address, type Bytes32, bytesToHex, type Hex, hexToBytes } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import {
  createSealingKeys,
  openRequest,
  type RandomBytes,
  requestIdOf,
  type SealingKeys,
} from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { SealedAnswer } from '../protocol/witnessCodecs.ts'
import type { CoeRequest } from './coeRequest.ts'
import {
  decodeCoeRequest,
  encodeWitnessAnswer,
  type WitnessAnswer,
  type WitnessRefusal,
  witnessRefusals,
} from './coeRequestCodec.ts'
import { CountWindow } from './countWindow.ts'
import { isSameMarket } from './meterTrees.ts'
import type { WitnessPolicy } from './witness.ts'

/** How much a witness does. */
export type WitnessDeskLimits = {
  /** CoEs for one meter in 24 hours. */
  signedPerOwner: number
  /** CoEs in an hour. */
  signedPerHour: number
  /** Requests of one node that are opened in a minute: the rest is not even looked at. */
  openedPerMinute: number
  /** Requests that are remembered, so that none is answered twice. */
  rememberedRequests: number
}

/** What holds unless told otherwise. */
export const defaultDeskLimits: WitnessDeskLimits = {
  signedPerOwner: 8,
  signedPerHour: 60,
  openedPerMinute: 240,
  rememberedRequests: 4096,
}

/** The meter behind a desk. */
export type CertifyingMeter = {
  readonly identity: Address
  certify(request: CoeRequest, policy: WitnessPolicy): SignedCoe | Promise<SignedCoe>
}

/** What a desk works with. */
export type WitnessDeskParts = {
  meter: CertifyingMeter
  market: Market
  randomBytes: RandomBytes
  limits?: Partial<WitnessDeskLimits>
}

/** What a desk did, as numbers alone. */
export type WitnessCounts = {
  signed: number
  refused: number
  /** Could not be opened, came twice, or were too many. */
  dropped: number
}

const minuteMs = 60_000
const hourMs = 3_600_000
const dayMs = 86_400_000
const all = 'all'

/** A refusal's code for the owner; the witness's own troubles are not his business. */
function refusalOf(error: SpbError): WitnessRefusal {
  const code = witnessRefusals.find((each) => each === error.code)
  if (code !== undefined) return code
  return error.code.startsWith('input/') ? 'meter/coe-invalid' : 'meter/witness-busy'
}

/**
 * Opens sealed requests, has the meter judge them, and seals its answers, refusals included.
 *
 * The sealing key lives in memory and ends with the desk, so what a relay recorded cannot be
 * opened later, not even with the meter's seed. Of owners it keeps counts alone, by a hash under
 * a key that ends with it too.
 */
export class WitnessDesk {
  readonly #parts: WitnessDeskParts
  readonly #limits: WitnessDeskLimits
  readonly #keys: SealingKeys
  readonly #ownerKey: Uint8Array
  readonly #seen = new Set<Bytes32>()
  readonly #opened: CountWindow
  readonly #signed: CountWindow
  readonly #owners: CountWindow
  readonly #counts: WitnessCounts = { signed: 0, refused: 0, dropped: 0 }

  constructor(parts: WitnessDeskParts) {
    this.#parts = parts
    this.#limits = { ...defaultDeskLimits, ...parts.limits }
    this.#keys = createSealingKeys(parts.randomBytes(32))
    this.#ownerKey = parts.randomBytes(32)
    this.#opened = new CountWindow(this.#limits.openedPerMinute, minuteMs)
    this.#signed = new CountWindow(this.#limits.signedPerHour, hourMs)
    this.#owners = new CountWindow(this.#limits.signedPerOwner, dayMs)
  }

  /** The key to which requests are sealed. */
  get sealingKey(): Bytes32 {
    return this.#keys.publicKey
  }

  get counts(): WitnessCounts {
    return { ...this.#counts }
  }

  /** True where one more request that comes through this node would be looked at. */
  hasRoom(node: string, nowMs: number): boolean {
    return this.#opened.hasRoom(node, nowMs)
  }

  /**
   * Answers a sealed request that came through a node; undefined for one that is dropped: not
   * sealed to this desk, seen before, or one too many of that node.
   */
  async handle(
    box: Hex,
    node: string,
    policy: WitnessPolicy,
    nowMs: number,
  ): Promise<SealedAnswer | undefined> {
    const request = this.#open(box, node, nowMs)
    if (request === undefined) {
      this.#counts.dropped++
      return undefined
    }
    const { requestId, content, sealAnswer } = request
    const answer = await this.#judge(content, policy, nowMs)
    this.#counts[answer.kind]++
    return {
      requestId,
      box: sealAnswer(encodeWitnessAnswer(answer), this.#parts.randomBytes),
    }
  }

  #open(box: Hex, node: string, nowMs: number) {
    if (!this.hasRoom(node, nowMs)) return undefined
    this.#opened.add(node, nowMs)
    try {
      const requestId = requestIdOf(box)
      if (this.#seen.has(requestId)) return undefined
      const opened = openRequest(box, this.#parts.meter.identity, this.#keys)
      this.#remember(requestId)
      return { requestId, ...opened }
    } catch (error) {
      if (error instanceof SpbError) return undefined
      throw error
    }
  }

  /** Only what could be opened is remembered: a flood of forgeries pushes nothing out. */
  #remember(requestId: Bytes32): void {
    this.#seen.add(requestId)
    if (this.#seen.size <= this.#limits.rememberedRequests) return
    const [oldest] = this.#seen
    this.#seen.delete(oldest!)
  }

  async #judge(content: Uint8Array, policy: WitnessPolicy, nowMs: number): Promise<WitnessAnswer> {
    try {
      return { kind: 'signed', signed: await this.#sign(content, policy, nowMs) }
    } catch (error) {
      if (!(error instanceof SpbError)) throw error
      return { kind: 'refused', code: refusalOf(error) }
    }
  }

  async #sign(content: Uint8Array, policy: WitnessPolicy, nowMs: number): Promise<SignedCoe> {
    const { meter, market } = this.#parts
    if (!this.#signed.hasRoom(all, nowMs)) throw new SpbError('meter/witness-busy')
    const request = decodeCoeRequest(content, meter.identity)
    if (!isSameMarket(request.market, market)) {
      throw new SpbError('meter/coe-invalid', 'The request is for another market.')
    }
    // The meter checks who asks: before that, anybody could use up another's share.
    const signed = await meter.certify(request, policy)
    const owner = this.#hideOwner(request.owner.certificate.meter)
    if (!this.#owners.hasRoom(owner, nowMs)) throw new SpbError('meter/witness-quota')
    this.#owners.add(owner, nowMs)
    this.#signed.add(all, nowMs)
    return signed
  }

  #hideOwner(owner: Address): string {
    return bytesToHex(hmac(sha256, this.#ownerKey, hexToBytes(owner)))
  }
}
