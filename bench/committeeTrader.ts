import type { RunningNode } from '../src/node/compose.ts'
import type { MarketFacts } from '../src/ports/chain.ts'
import { type Bytes32, zeroBytes32 } from '../src/protocol/bytes.ts'
import type { CtpSubmission } from '../src/protocol/ctpSubmission.ts'
import { ctpIdOf, digestOf, type Market } from '../src/protocol/digest.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import { addressOf, signDigest, signMessage } from '../src/protocol/signature.ts'
import type { SignedErc } from '../src/protocol/signedErc.ts'
import { seconds, wei, wh } from '../src/protocol/units.ts'
import { keyOf } from './world.ts'

/** Which households trade at a gateway: each commits, is delivered to, and commits again. */
export type TradePlan = { first: number; households: number; perHousehold: number }

/** One trade: what is submitted, and the receipt once it is held. */
export type Trade = { ctpId: Bytes32; submission: CtpSubmission; receipt: SignedErc }

/** Height of a household’s tree of meter keys: as many as a contract’s window of nonces. */
const treeHeight = 6
const energyWh = wh(500)
const day = 86_400

/** All trades of one household, in the order of their nonces; one CoE serves all. */
function signTrades(facts: MarketFacts, household: number, count: number): Trade[] {
  const market: Market = { chainId: facts.chainId, address: facts.address }
  const now = Math.floor(Date.now() / 1000)
  const notAfterSeconds = seconds(now + 365 * day)
  const witnessKey = keyOf('trade witness')
  const witness = { meter: addressOf(witnessKey), model: zeroBytes32, notAfterSeconds }
  const consumerKey = keyOf(`consumer ${household}`)
  const keys = Array.from({ length: 2 ** treeHeight }, (_, leaf) => keyOf(`${household} ${leaf}`))
  const tree = buildMerkleTree(keys.map(addressOf))
  const notBeforeSeconds = seconds(now - day)
  const coe = { root: tree.root, height: treeHeight, notBeforeSeconds, notAfterSeconds }
  const signed = {
    coe,
    coeSignature: signMessage(market, 'CoE', coe, witnessKey),
    witness,
    witnessSignature: signMessage(market, 'MeterCertificate', witness, keyOf('manufacturer')),
  }
  return Array.from({ length: count }, (_, nonce): Trade => {
    const meterKey = keys[nonce]!
    const ctp = {
      ...{ producer: addressOf(keyOf('producer')), offerId: 1n, amountWei: wei(500n), energyWh },
      ...{ nonce, expirySeconds: seconds(now + 3_600), meterKey: addressOf(meterKey) },
    }
    const digest = digestOf(market, 'Ctp', ctp)
    const ctpId = ctpIdOf(digest, addressOf(consumerKey))
    const erc = { ctpId, deliveredWh: energyWh, measuredAtSeconds: seconds(now) }
    const submission = {
      ...{ market, ctp, consumerSignature: signDigest(digest, consumerKey) },
      meterReadySignature: signMessage(market, 'MeterReady', { ctpId }, meterKey),
      evidence: { kind: 0 as const, path: tree.pathOf(nonce), ...signed },
    }
    return {
      ctpId,
      submission,
      receipt: { erc, signature: signMessage(market, 'Erc', erc, meterKey) },
    }
  })
}

/** Signs all trades of a plan; nothing is submitted yet. */
export function prepareTrades(facts: MarketFacts, plan: TradePlan): Trade[][] {
  return Array.from({ length: plan.households }, (_, at) =>
    signTrades(facts, plan.first + at, plan.perHousehold),
  )
}

/**
 * Plays trades at a gateway, all households at a time, and waits until a confirmed block paid the
 * last one; how long each took from its CTP to its payment.
 */
export async function playTrades(
  { service }: RunningNode,
  households: readonly Trade[][],
): Promise<{ latenciesMs: number[]; failures: string[] }> {
  const startedMs = new Map<Bytes32, number>()
  const latenciesMs: number[] = []
  const failures: string[] = []
  const { promise, resolve } = Promise.withResolvers<void>()
  let missing = households.reduce((sum, trades) => sum + trades.length, 0)
  const stopListening = service.subscribe((event) => {
    if (event.kind !== 'ctp' || event.ctp.state !== 'settled') return
    const startMs = startedMs.get(event.ctp.ctpId)
    if (startMs === undefined) return
    startedMs.delete(event.ctp.ctpId)
    latenciesMs.push(performance.now() - startMs)
    if (--missing === 0) resolve()
  })
  const trade = async ({ ctpId, submission, receipt }: Trade) => {
    startedMs.set(ctpId, performance.now())
    await service.submitCtp(submission)
    await service.submitErc(receipt)
  }
  const played = households.map(async (trades) => {
    for (const each of trades) await trade(each)
  })
  const ends = await Promise.allSettled(played)
  for (const end of ends) if (end.status === 'rejected') failures.push(String(end.reason))
  if (failures.length === 0 && missing > 0) await promise
  stopListening()
  return { latenciesMs, failures }
}
