import { openMeterMemory } from '../../adapters/meter/memoryMeterStorage.ts'
import { createLocalWitness } from '../../meter/localWitness.ts'
import { manufactureSoftwareMeter } from '../../meter/manufactureSoftwareMeter.ts'
import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import { chooseWitness } from '../../meter/witness.ts'
import type { Address, Hex } from '../../protocol/bytes.ts'
import type { CtpSubmission } from '../../protocol/ctpSubmission.ts'
import type { Ctp, Erc } from '../../protocol/messages.ts'
import { addressOf } from '../../protocol/signature.ts'
import { standingOf } from '../../protocol/standing.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'
import type { ErcView } from '../../protocol/views.ts'
import { signCtp } from '../../sdk/householdSignatures.ts'
import { createRandom } from '../../simulator/random.ts'
import { deriveDemoKey } from './demoKeys.ts'
import type { DemoWorld } from './demoWorld.ts'
import { type MarketCall, signMarketCall } from './marketCalls.ts'

/** A household with its account's key and its meter. */
export type DemoHome = {
  index: number
  name: string
  key: Uint8Array
  address: Address
  meter: SoftwareMeter
  /** Of the next Ethereum transaction. */
  transactionNonce: number
}

const day = 86_400
const certificateDays = 3_650

/** Makes a household; keys depend on seed and index. `treeHeight`: 2 to its power keys a tree. */
export function makeDemoHome(
  world: DemoWorld,
  seed: number,
  home: { index: number; name: string; treeHeight: number },
): DemoHome {
  const { index, name, treeHeight } = home
  const key = deriveDemoKey(seed, `household ${index}`)
  const meter = manufactureSoftwareMeter(
    {
      ...{ name: `meter of ${name}`, treeHeight, manufacturer: world.manufacturer },
      seed: deriveDemoKey(seed, `meter ${index}`),
      notAfterSeconds: seconds(world.nowSeconds() + certificateDays * day),
    },
    openMeterMemory(),
  )
  return { index, name, key, address: addressOf(key), meter, transactionNonce: 0 }
}

/** Signs a household's call of the market; `rank` orders the transactions of a block. */
export function signHomeCall(
  world: DemoWorld,
  home: DemoHome,
  call: MarketCall,
  rank: number,
): Hex {
  const { key } = home
  return signMarketCall(world.market, call, { key, nonce: home.transactionNonce++, rank })
}

/**
 * Sees to it that a household's meter has a key for a CTP of this expiry: where the tree is used
 * up, or its certificate over, another household's meter, chosen at random, witnesses the next.
 */
export async function prepareKey(
  world: DemoWorld,
  homes: readonly DemoHome[],
  home: DemoHome,
  expirySeconds: Seconds,
): Promise<void> {
  const { meter } = home
  if (meter.keysLeft(expirySeconds, home.address) > 0) return
  const own = { manufacturer: world.manufacturer.address, endsSeconds: seconds(maxUint40) }
  const standing = standingOf({ manufacturers: [own], revokedMeters: [] })
  const policy = { nowSeconds: world.nowSeconds, standing }
  const witnesses = homes.map((other) => createLocalWitness(other.meter, policy))
  const random = createRandom(home.index, world.nowSeconds())
  const draw = (bound: number) => Math.floor(random.between(0, bound))
  const witness = chooseWitness(witnesses, meter.identity, draw)
  await meter.renew(world.market, witness, { nowSeconds: world.nowSeconds(), standing })
}

/** What a household commits to pay for; nonce and meter key are found here. */
export type CommitTerms = Omit<Ctp, 'nonce' | 'meterKey'>

/** A household's CTP, signed by its key and bound by its meter. The meter must have a key. */
export function commitToPay(world: DemoWorld, home: DemoHome, terms: CommitTerms): CtpSubmission {
  const { market, service } = world
  const { nextNonce: nonce } = service.account(home.address)
  const { meterKey } = home.meter.takeKey(terms.expirySeconds, home.address)
  const ctp: Ctp = { ...terms, nonce, meterKey }
  return {
    market,
    ...signCtp(market, ctp, home.key),
    ...home.meter.bind(ctp, home.address, market),
  }
}

/** A household's meter receipts energy by hand, and the node keeps it. */
export async function sendReceipt(
  { service }: DemoWorld,
  { meter }: DemoHome,
  { ctpId, deliveredWh, measuredAtSeconds }: Erc,
): Promise<ErcView> {
  const view = await service.submitErc(meter.receipt(ctpId, deliveredWh, measuredAtSeconds))
  meter.acknowledge(ctpId, deliveredWh)
  return view
}
