import { copyFileSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import { type MeterMemory, openMeterMemory } from '../adapters/meter/memoryMeterStorage.ts'
import { createMeterFile, openMeterFile } from '../adapters/meter/meterFile.ts'
import type { Address, Bytes32 } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { maxUint32, wh } from '../protocol/units.ts'
import {
  consumer,
  later,
  makeCtp,
  makeMeter,
  makeReadyMeter,
  market,
  now,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import { longestTreeJump, makeRestoredSafe, shortestTreeJump } from './restoredMeter.ts'
import { openSoftwareMeter, type SoftwareMeter } from './softwareMeter.ts'

const refusal = (code: string) => expect.objectContaining({ code })

function bindFresh(meter: SoftwareMeter, nonce: number): { ctpId: Bytes32; meterKey: Address } {
  const { meterKey } = meter.takeKey(later(3600))
  const ctp = makeCtp(meterKey, { nonce })
  meter.bind(ctp, consumer, market)
  return { ctpId: ctpIdOf(digestOf(market, 'Ctp', ctp), consumer), meterKey }
}

/** A draw whose four bytes are all the same. */
const bytesOf = (byte: number) => (length: number) => new Uint8Array(length).fill(byte)

/** A measuring meter with one CTP, its memory, and a copy of its state. */
async function makeCopied() {
  const memory: MeterMemory = {}
  const meter = await makeReadyMeter({}, openMeterMemory(memory))
  const { ctpId, meterKey } = bindFresh(meter, 0)
  meter.recordReading({ timeSeconds: now, importWh: 1000 })
  meter.recordReading({ timeSeconds: later(100), importWh: 1100 })
  meter.receiptOf(ctpId)
  meter.acknowledge(ctpId, wh(100))
  meter.release(bindFresh(meter, 1).ctpId)
  const copy = memory.saved!
  // The future that is lost begins.
  meter.takeKey(later(3600))
  const putBack = (byte = 7, at = 1000) => {
    memory.saved = copy
    memory.isHeld = false
    const options = { nowSeconds: later(at), randomBytes: bytesOf(byte) }
    return openSoftwareMeter(openMeterMemory(memory), options)
  }
  return { memory, meter, ctpId, meterKey, putBack }
}

describe('a meter that was put back from a copy', () => {
  it('gives up its unused keys and tree numbers, and says so', async () => {
    const { memory, meter, putBack } = await makeCopied()
    const { nextTree, nextOrder } = meter.state
    const restored = putBack()
    expect(restored.keysLeft(later(60))).toBe(0)
    expect(() => restored.takeKey(later(60))).toThrow(refusal('meter/exhausted'))
    expect(restored.needsRenewal(now)).toBe(true)
    expect(restored.state.nextTree).toBeGreaterThanOrEqual(nextTree + shortestTreeJump)
    expect(restored.state.nextTree).toBeLessThan(nextTree + longestTreeJump)
    expect(restored.state.nextOrder).toBe(nextOrder)
    expect(restored.state.incidents?.counts.restored).toBe(1)
    expect(restored.state.incidents?.recent.at(-1)).toEqual({
      ...{ kind: 'restored', timeSeconds: later(1000), energyWh: 0 },
    })
    // All of that is kept before anything else happens.
    expect(memory.saved?.state).toMatchObject(restored.state)
    expect(restored.state.isRestored).toBeUndefined()
  })

  it('never uses a key of the future that it lost', async () => {
    const { meter, meterKey, putBack } = await makeCopied()
    const used = new Set([meterKey])
    for (const nonce of [2, 3, 4]) used.add(bindFresh(meter, nonce).meterKey)
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    for (const nonce of [5, 6, 7, 8, 9]) used.add(bindFresh(meter, nonce).meterKey)
    for (const byte of [0, 1, 254]) {
      const restored = putBack(byte)
      await restored.renew(market, witnessOf(makeMeter(2)), renewal())
      for (let nonce = 100; restored.keysLeft(later(3600)) > 0; nonce++) {
        const fresh = bindFresh(restored, nonce).meterKey
        expect(used.has(fresh)).toBe(false)
        used.add(fresh)
      }
    }
    expect(used.size).toBe(9 + 3 * 8)
  })

  it('still answers for what was bound, and receipts it upwards', async () => {
    const { ctpId, putBack } = await makeCopied()
    const restored = putBack()
    expect(restored.receiptOf(ctpId)?.erc.deliveredWh).toBe(100)
    expect(restored.bindingOf(ctpId)).toMatchObject({ isReleased: false, deliveredWh: 100 })
    const read = (delta: number, importWh: number) =>
      restored.recordReading({ timeSeconds: later(delta), importWh })
    // The lost future may have counted up to now.
    for (const delta of [200, 300, 1000]) expect(read(delta, 1000 + delta).kind).toBe('late')
    expect(read(1001, 2100).kind).toBe('baseline')
    expect(read(1101, 2150)).toEqual({ kind: 'energy', importedWh: 50, grown: [ctpId] })
    expect(restored.receiptOf(ctpId)?.erc.deliveredWh).toBe(150)
    expect(restored.state.register?.countedWh).toBe(150)
    expect(restored.state.floorSeconds).toBeUndefined()
    const byHand = () => restored.receipt(ctpId, wh(160), now)
    expect(byHand).toThrow(refusal('meter/measured'))
  })

  it('opens like any other afterwards', async () => {
    const { memory, putBack } = await makeCopied()
    const restored = putBack()
    const { state } = restored
    restored.close()
    expect(openSoftwareMeter(openMeterMemory(memory)).state).toEqual(state)
  })

  it('takes its last known time, and draws itself, where it is given nothing', async () => {
    const { memory, meter } = await makeCopied()
    const { nextTree } = meter.state
    memory.lastGeneration = 10 ** 6
    memory.isHeld = false
    const restored = openSoftwareMeter(openMeterMemory(memory))
    expect(restored.state.floorSeconds).toBe(later(100))
    expect(restored.state.nextTree).toBeGreaterThanOrEqual(nextTree + shortestTreeJump)
  })

  it('can be put back every day for ten years, whatever is drawn', async () => {
    let state = (await makeCopied()).memory.saved!.state
    for (let times = 0; times < 3650; times++) state = makeRestoredSafe(state, bytesOf(247), now)
    expect(state.nextTree).toBeLessThan(maxUint32)
  })

  it('ends its tree numbers rather than begin them anew', async () => {
    const memory: MeterMemory = {}
    makeMeter(1, {}, openMeterMemory(memory))
    const { state } = memory.saved!
    memory.saved = { state: { ...state, nextTree: maxUint32 - 5 }, generation: 99 }
    memory.isHeld = false
    const restored = openSoftwareMeter(openMeterMemory(memory), { randomBytes: bytesOf(0) })
    expect(restored.state.nextTree).toBe(maxUint32)
    const renewed = restored.renew(market, witnessOf(makeMeter(2)), renewal())
    await expect(renewed).rejects.toThrow(refusal('meter/exhausted'))
  })
})

describe('a meter’s file that was put back with its guard', () => {
  const folder = mkdtempSync(join(tmpdir(), 'spb-restored-'))
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  it('is found out, so that no key of it is used twice', async () => {
    const path = join(folder, 'meter.json')
    const files = [path, `${path}.guard`]
    const meter = await makeReadyMeter({}, createMeterFile(path, 'secret'))
    meter.close()
    for (const file of files) copyFileSync(file, `${file}.copy`)
    const lost = openSoftwareMeter(openMeterFile(path, 'secret'))
    const { meterKey } = bindFresh(lost, 0)
    lost.close()
    for (const file of files) copyFileSync(`${file}.copy`, file)
    const restored = openSoftwareMeter(openMeterFile(path, 'secret'), { nowSeconds: now })
    expect(restored.state.incidents?.counts.restored).toBe(1)
    await restored.renew(market, witnessOf(makeMeter(2)), renewal())
    expect(restored.keysLeft(later(3600))).toBe(8)
    for (let nonce = 0; nonce < 8; nonce++) {
      expect(bindFresh(restored, nonce).meterKey).not.toBe(meterKey)
    }
    restored.close()
    const again = openSoftwareMeter(openMeterFile(path, 'secret'))
    expect(again.state.incidents?.counts.restored).toBe(1)
    again.close()
  })
})
