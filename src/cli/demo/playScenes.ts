import { priceOf } from '../../protocol/payment.ts'
import { type Seconds, seconds, type Wh, wei, wh } from '../../protocol/units.ts'
import type { CtpView } from '../../protocol/views.ts'
import { formatEnergy } from '../formatUnits.ts'
import { openScene, type Scene, type SceneReport } from './demoScene.ts'
import { formatEther } from './formatMoney.ts'
import { addEnergyCall, depositCall, openEnergyAccountCall } from './marketCalls.ts'

const minute = 60
const offeredWh = wh(5_000)
const priceWeiPerKwh = 10n ** 14n
const depositWei = wei(10n ** 16n)
/** From a CTP to its expiry. */
const lifeSeconds = 15 * minute

/** The time of day that a step speaks of, UTC. */
const clockOf = (timeSeconds: number): string =>
  new Date(timeSeconds * 1000).toISOString().slice(11, 19)

const ether = (amountWei: bigint): string => `${formatEther(amountWei)} ether`

/**
 * The paper's figure 4: a consumer commits to pay, the producer sends the energy, the consumer's
 * meter receipts it, and both messages together pay in one transaction.
 */
export async function playReliable(seed: number, signal?: AbortSignal): Promise<SceneReport> {
  const scene = await openScene('reliable', seed, signal)
  try {
    await tellPreparation(scene)
    const energyWh = wh(1_500)
    const ctp = await tellCommitment(scene, energyWh)
    await tellFullDelivery(scene, ctp)
    return await scene.report()
  } finally {
    await scene.close()
  }
}

/**
 * The paper's figure 5: no energy, so no receipt, so the money frees itself; then a second trade
 * of which a part comes, and that part is paid.
 */
export async function playUnreliable(seed: number, signal?: AbortSignal): Promise<SceneReport> {
  const scene = await openScene('unreliable', seed, signal)
  try {
    await tellPreparation(scene)
    const first = await tellCommitment(scene, wh(1_500))
    await tellNoDelivery(scene, first)
    const second = await tellCommitment(scene, wh(2_000))
    await tellPartialDelivery(scene, second, wh(800))
    return await scene.report()
  } finally {
    await scene.close()
  }
}

async function tellPreparation({ world, consumer, producer, tell, advance }: Scene) {
  const { burnWei } = world.facts.options
  const untilSeconds = world.laterSeconds(12 * 60 * minute)
  await tell('Offer', async () => {
    await advance(10, [
      [producer, openEnergyAccountCall(burnWei)],
      [producer, addEnergyCall(offeredWh, priceWeiPerKwh, untilSeconds)],
    ])
    const text =
      `${producer.name} opens an energy account, which burns ${ether(burnWei)}, and offers ` +
      `${formatEnergy(offeredWh)} at ${ether(priceWeiPerKwh)} a kWh.`
    return { text }
  })
  await tell('Deposit', async () => {
    await advance(10, [[consumer, depositCall(depositWei)]])
    return { text: `${consumer.name} puts ${ether(depositWei)} into an account of the market.` }
  })
}

async function tellCommitment(scene: Scene, energyWh: Wh): Promise<CtpView> {
  const { world, consumer, producer } = scene
  let committed: CtpView | undefined
  await scene.tell('Commit to pay (CTP)', async () => {
    await scene.advance(10)
    const expirySeconds = world.laterSeconds(lifeSeconds)
    const amountWei = priceOf(priceWeiPerKwh, energyWh)
    const [offer] = world.service.offers({ producer: producer.address })
    committed = await scene.commit({ offerId: offer!.offerId, amountWei, energyWh, expirySeconds })
    const text =
      `${consumer.name} commits to pay ${ether(amountWei)} for ${formatEnergy(energyWh)} until ` +
      `${clockOf(expirySeconds)}. His meter binds a one-time key to it, the node certifies that ` +
      'the money is on hold. Nothing goes on chain.'
    return { text }
  })
  return committed!
}

async function tellFullDelivery(scene: Scene, ctp: CtpView): Promise<void> {
  const { consumer, producer } = scene
  const { energyWh } = ctp.ctp
  await scene.tell('Energy and receipt (ERC)', async () => {
    await scene.advance(5 * minute)
    const text =
      `${producer.name} has seen the certificate and sends ${formatEnergy(energyWh)}. ` +
      `${consumer.name}’s meter measures it and signs the receipt, which goes to the node.`
    await scene.receipt(ctp, energyWh)
    return { text, energyWh }
  })
  await scene.tell('Settlement', async () => {
    await scene.advance(12)
    return { text: 'CTP and ERC together pay, in one transaction. Neither could alone.' }
  })
}

async function tellNoDelivery(scene: Scene, { ctp, freeAtSeconds }: CtpView): Promise<void> {
  const { world, consumer, producer } = scene
  await scene.tell('No energy, no receipt', async () => {
    await scene.advance(ctp.expirySeconds + minute - world.nowSeconds())
    const text =
      `${producer.name} sends nothing, so there is no receipt, and no payment. The CTP has ` +
      `expired; until ${clockOf(freeAtSeconds)} a late receipt would still count.`
    return { text }
  })
  await scene.tell('Money free again', async () => {
    await scene.advance(untilAfter(world.nowSeconds(), freeAtSeconds))
    const text =
      `Expiry and grace are over: ${consumer.name}’s money is free. That took no transaction ` +
      'and nobody’s consent.'
    return { text }
  })
}

async function tellPartialDelivery(scene: Scene, view: CtpView, deliveredWh: Wh): Promise<void> {
  const { world, consumer, producer } = scene
  const { energyWh, expirySeconds } = view.ctp
  await scene.tell('A part of the energy', async () => {
    await scene.advance(10 * minute)
    await scene.receipt(view, deliveredWh)
    const text =
      `This time ${producer.name} sends ${formatEnergy(deliveredWh)} of ` +
      `${formatEnergy(energyWh)}. ${consumer.name}’s meter receipts just that; more could come ` +
      `until ${clockOf(expirySeconds)}.`
    return { text, energyWh: deliveredWh }
  })
  await scene.tell('Settlement of the part', async () => {
    await scene.advance(view.settlesFromSeconds - world.nowSeconds())
    const text =
      'Nothing more came: half of the grace after expiry, what came is paid in one transaction, ' +
      'and the rest of the money is free.'
    return { text }
  })
}

/** Seconds from now to just after a time. */
function untilAfter(nowSeconds: Seconds, timeSeconds: Seconds): Seconds {
  return seconds(timeSeconds + 1 - nowSeconds)
}
