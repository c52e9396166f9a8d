import { createVoucherCache } from '../src/adapters/crypto/inlineVerifier.ts'
import { type Address, bytesToHex, type Signature, zeroBytes32 } from '../src/protocol/bytes.ts'
import { ctpIdOf, digestOf, type Market } from '../src/protocol/digest.ts'
import { type MerklePath, rootOfPath } from '../src/protocol/merkle.ts'
import type { Ctp, MeterCertificate } from '../src/protocol/messages.ts'
import {
  type MeterEvidence,
  type SignedCoe,
  type VoucherCache,
  verifyCoe,
  verifyMeterEvidence,
} from '../src/protocol/meterEvidence.ts'
import { addressOf, recoverSigner, signMessage } from '../src/protocol/signature.ts'
import { type SignedErc, verifyErc } from '../src/protocol/signedErc.ts'
import { checkStanding, type Standing, standingOf } from '../src/protocol/standing.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'
import { CpuTime, quantile } from './cpuTime.ts'
import type { Figures } from './report.ts'
import { keyOf } from './world.ts'

/** A receipt with everything that its verifier is given. */
type ReceiptedTrade = {
  ctp: Ctp
  consumer: Address
  receipt: SignedErc
  meterReadySignature: Signature
  evidence: MeterEvidence
}

type Witness = { key: Uint8Array; certificate: MeterCertificate; signature: Signature }

const trades = 4_000
const runs = 7
const witnessCount = 100
const treeHeight = 8
const market: Market = { chainId: 31_337, address: `0x${'be'.repeat(20)}` }
const manufacturerKey = keyOf('manufacturer')
const beginSeconds = seconds(1_800_000_000)
const expirySeconds = seconds(beginSeconds + 3_600)
const endSeconds = seconds(beginSeconds + 7 * 86_400)
const producer = addressOf(keyOf('producer'))

function makeWitness(index: number): Witness {
  const key = keyOf(`witness ${index}`)
  const certificate = { meter: addressOf(key), model: zeroBytes32, notAfterSeconds: endSeconds }
  return {
    ...{ key, certificate },
    signature: signMessage(market, 'MeterCertificate', certificate, manufacturerKey),
  }
}

function signCoe(root: `0x${string}`, witness: Witness): SignedCoe {
  const span = { notBeforeSeconds: beginSeconds, notAfterSeconds: endSeconds }
  const coe = { root, height: treeHeight, ...span }
  return {
    ...{ coe, witness: witness.certificate, witnessSignature: witness.signature },
    coeSignature: signMessage(market, 'CoE', coe, witness.key),
  }
}

/** A leaf's path; what its neighbours are makes no difference to whoever checks it. */
function makePath(index: number): MerklePath {
  const siblings = Array.from({ length: treeHeight }, (_, level) =>
    bytesToHex(keyOf(`sibling ${index} ${level}`)),
  )
  return { index: index % 2 ** treeHeight, siblings }
}

function makeTrade(index: number, witness: Witness): ReceiptedTrade {
  const meterSecret = keyOf(`one-time key ${index}`)
  const meterKey = addressOf(meterSecret)
  const consumer = addressOf(keyOf(`consumer ${index}`))
  const ctp: Ctp = {
    ...{ producer, offerId: 1n, amountWei: wei(500n), energyWh: wh(500), nonce: 0 },
    ...{ expirySeconds, meterKey },
  }
  const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
  const erc = { ctpId, deliveredWh: wh(500), measuredAtSeconds: beginSeconds }
  const path = makePath(index)
  const root = rootOfPath(meterKey, path)!
  return {
    ...{ ctp, consumer },
    receipt: { erc, signature: signMessage(market, 'Erc', erc, meterSecret) },
    meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, meterSecret),
    evidence: { kind: 0, path, ...signCoe(root, witness) },
  }
}

/** All that somebody checks who trusts nobody but the market's manufacturers. */
function checkTrade(trade: ReceiptedTrade, standing: Standing, cache: VoucherCache): void {
  const { ctp, consumer, receipt, meterReadySignature, evidence } = trade
  const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), consumer)
  const ready = digestOf(market, 'MeterReady', { ctpId })
  const isReady = recoverSigner(ready, meterReadySignature) === ctp.meterKey
  if (receipt.erc.ctpId !== ctpId || !isReady) throw new Error('The receipt is of another CTP.')
  verifyErc(market, receipt, ctp.meterKey)
  const voucher = verifyMeterEvidence(market, evidence, ctp.meterKey, ctp.expirySeconds, cache)
  checkStanding(standing, voucher, ctp.expirySeconds)
}

/** A cache that knows the witnesses' certificates, from CoEs of trees that are checked no more. */
function fillCache(witnesses: readonly Witness[]): VoucherCache {
  const cache = createVoucherCache()
  for (const [index, witness] of witnesses.entries()) {
    const coe = signCoe(bytesToHex(keyOf(`other tree ${index}`)), witness)
    verifyCoe(market, coe, cache)
  }
  return cache
}

/** How many signers are found in a second: the most that the other figures could be, by three. */
function measureRecoveries(all: readonly ReceiptedTrade[]): number {
  const cpu = new CpuTime()
  const digest = digestOf(market, 'Erc', all[0]!.receipt.erc)
  cpu.count(() => {
    for (const { receipt } of all) recoverSigner(digest, receipt.signature)
  })
  return all.length / cpu.seconds
}

/** Receipts checked in a second of one core's time; each trade's key is of a tree of its own. */
export function measureErcChecks(): Figures {
  const witnesses = Array.from({ length: witnessCount }, (_, index) => makeWitness(index))
  const all = Array.from({ length: trades }, (_, index) =>
    makeTrade(index, witnesses[index % witnessCount]!),
  )
  const manufacturers = [{ manufacturer: addressOf(manufacturerKey), endsSeconds: endSeconds }]
  const standing = standingOf({ manufacturers, revokedMeters: [] })
  const measure = (cache: VoucherCache): number => {
    const cpu = new CpuTime()
    cpu.count(() => {
      for (const trade of all) checkTrade(trade, standing, cache)
    })
    return trades / cpu.seconds
  }
  const [fresh, cached, recoveries]: [number[], number[], number[]] = [[], [], []]
  for (let run = 0; run <= runs; run++) {
    const cache = fillCache(witnesses)
    const rates = [measure(cache), measure(cache)] as const
    // The first run warms the compiler up.
    if (run === 0) continue
    fresh.push(rates[0])
    cached.push(rates[1])
    recoveries.push(measureRecoveries(all))
  }
  return {
    ercChecksPerSecond: quantile(fresh, 0.5),
    ercChecksPerSecondLeast: Math.min(...fresh),
    ercChecksPerSecondMost: Math.max(...fresh),
    ercChecksPerSecondCoeCached: quantile(cached, 0.5),
    signerRecoveriesPerSecond: quantile(recoveries, 0.5),
  }
}
