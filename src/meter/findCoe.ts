import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import type { Address } from '../protocol/bytes.ts'
import type { Market } from '../protocol/digest.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import type { SignedCoe } from '../protocol/meterEvidence.ts'
import type { RandomBytes } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import { checkWitnessPost, type PostRules, type WitnessPost } from '../protocol/witnessPost.ts'
import { witnessRefusals } from './coeRequestCodec.ts'
import { drawBelow } from './drawBelow.ts'
import type { SignedMeterCertificate } from './manufacturer.ts'
import { type Pause, pauseOnClock } from './pause.ts'
import { askNode, createRelayedWitness, isNodeFailure } from './relayedWitness.ts'
import { planSpan, type RenewalOptions } from './treeRenewal.ts'
import type { Witness } from './witness.ts'

/** A meter that wants a witness; a `SoftwareMeter` is one. */
export type RenewingMeter = {
  readonly identity: Address
  readonly signedCertificate: SignedMeterCertificate
  renew(market: Market, witness: Witness, options: RenewalOptions): Promise<SignedCoe>
}

/** How a witness is looked for. */
export type FindCoeOptions = RenewalOptions & {
  randomBytes: RandomBytes
  /** How many witnesses are asked, one after the other; 5 where left out. */
  tries?: number
  /** Longest wait for one of them; 20 s where left out, longer than a node's own. */
  answerMs?: number
  pause?: Pause
}

/** A way to a witness: what it posted, and at which node. */
type Route = { post: WitnessPost; relay: WitnessRelayAccess }

/** What looking for a witness came to so far, for the error that says so. */
type Search = { unreachable: number; listed: number; failures: ErrorCode[] }

const mostTries = 5
const defaultAnswerMs = 20_000
/** A witness whose certificate ends sooner is not worth asking. */
const shortestUseSeconds = 86_400

/** Failures of a node or a witness, for which another can be asked: all others are one's own. */
function isForeign(error: SpbError): boolean {
  return isNodeFailure(error) || witnessRefusals.some((refusal) => refusal === error.code)
}

/** Runs what may fail for reasons of others; the code of its failure, or its value. */
async function attempt<Value>(work: () => Promise<Value>): Promise<{ value: Value } | SpbError> {
  try {
    return { value: await work() }
  } catch (error) {
    if (!(error instanceof SpbError) || !isForeign(error)) throw error
    return error
  }
}

/** What all nodes list that answer, each witness once a node: who lists it often gains nothing. */
async function listRoutes(relays: readonly WitnessRelayAccess[], search: Search): Promise<Route[]> {
  const lists = await Promise.all(
    relays.map(async (relay) => ({
      relay,
      list: await attempt(() => askNode(() => relay.list())),
    })),
  )
  return lists.flatMap(({ relay, list }) => {
    if (list instanceof SpbError) {
      search.unreachable++
      return []
    }
    const posts = new Map(list.value.map((post) => [post.certificate.meter, post]))
    return [...posts.values()].map((post) => ({ post, relay }))
  })
}

/** True for a witness that may be asked: judged before anything is said to it. */
function isSuitable({ post }: Route, neededSeconds: number, rules: PostRules): boolean {
  try {
    const manufacturer = checkWitnessPost(post, rules)
    const makerEndSeconds = rules.standing.manufacturerEndsSeconds(manufacturer) ?? 0
    return Math.min(makerEndSeconds, post.certificate.notAfterSeconds) >= neededSeconds
  } catch (error) {
    if (error instanceof SpbError) return false
    throw error
  }
}

/** The ways to each suitable witness: whoever is listed often is not asked more often. */
function groupByWitness(routes: readonly Route[]): Map<Address, Route[]> {
  const groups = new Map<Address, Route[]>()
  for (const route of routes) {
    const { meter } = route.post.certificate
    groups.set(meter, [...(groups.get(meter) ?? []), route])
  }
  return groups
}

function draw<Item>(items: readonly Item[], randomBytes: RandomBytes): Item {
  return items[drawBelow(items.length, randomBytes)]!
}

/** A way to a witness; not by a node that failed, while there is another: it may be at fault. */
function drawRoute(
  routes: readonly Route[],
  failed: ReadonlySet<WitnessRelayAccess>,
  randomBytes: RandomBytes,
): Route {
  const others = routes.filter(({ relay }) => !failed.has(relay))
  return draw(others.length > 0 ? others : routes, randomBytes)
}

function refuse(relays: number, suitable: number, { unreachable, listed, failures }: Search) {
  const message =
    failures.length > 0
      ? `No witness vouched for the meter in ${failures.length} tries.`
      : 'No other meter can be reached that could witness.'
  return new SpbError('meter/no-witness', message, {
    meta: {
      ...{ nodes: relays, unreachableNodes: unreachable, listed, suitable },
      ...{ tried: failures.length, failures: failures.join(', ') },
    },
  })
}

/**
 * Gets the next tree of a meter witnessed by any meter that the given nodes list, chosen at random
 * among all that will do. Where one is silent or refuses, another is asked, each for a tree of its
 * own: no root is shown to two witnesses. The meter's present keys stay as they are meanwhile.
 *
 * Throws `meter/no-witness`, whose meta says how many were listed, would do and were tried, and
 * why each failed; `meter/certificate-expired`, `meter/revoked`, `meter/owner-untrusted` where no
 * witness could help; and what keeping the meter's state throws.
 */
export async function renewFromAny(
  meter: RenewingMeter,
  market: Market,
  relays: readonly WitnessRelayAccess[],
  options: FindCoeOptions,
): Promise<SignedCoe> {
  const { randomBytes, tries = mostTries, answerMs = defaultAnswerMs } = options
  const { pause = pauseOnClock } = options
  const { nowSeconds, standing } = options
  const { notAfterSeconds } = planSpan(meter.signedCertificate, options)
  const neededSeconds = Math.min(notAfterSeconds, nowSeconds + shortestUseSeconds)
  const search: Search = { unreachable: 0, listed: 0, failures: [] }
  const routes = await listRoutes(relays, search)
  search.listed = groupByWitness(routes).size
  const rules = { market, standing, nowSeconds }
  let left = routes
    .filter(({ post }) => post.certificate.meter !== meter.identity)
    .filter((route) => isSuitable(route, neededSeconds, rules))
  const suitable = groupByWitness(left).size
  const failed = new Set<WitnessRelayAccess>()
  while (left.length > 0 && search.failures.length < tries) {
    const chosen = draw([...groupByWitness(left).values()], randomBytes)
    const route = drawRoute(chosen, failed, randomBytes)
    let hasAnswered = false
    const onAnswer = () => {
      hasAnswered = true
    }
    const asking = { randomBytes, pause, answerMs, onAnswer }
    const witness = createRelayedWitness(route.post, route.relay, asking)
    const outcome = await attempt(() => meter.renew(market, witness, options))
    if (!(outcome instanceof SpbError)) return outcome.value
    search.failures.push(outcome.code)
    if (!hasAnswered) failed.add(route.relay)
    const isOut = (each: Route) => (hasAnswered ? chosen.includes(each) : each === route)
    const isRelayGone = outcome.code === 'node/unreachable'
    left = left.filter((each) => !isOut(each) && !(isRelayGone && each.relay === route.relay))
  }
  throw refuse(relays.length, suitable, search)
}
