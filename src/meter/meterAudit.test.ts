import { describe, expect, it } from 'vitest'
import type { Address } from '../protocol/bytes.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { addressOf } from '../protocol/signature.ts'
import { seconds, wh } from '../protocol/units.ts'
import { auditMeter } from './meterAudit.ts'
import {
  bytes32,
  consumer,
  day,
  later,
  makeCtp,
  makeMeter,
  market,
  now,
  renewal,
  witnessOf,
} from './neighbourhood.cases.ts'
import type { SoftwareMeter } from './softwareMeter.ts'

const other = addressOf(bytes32(0xc1))
const otherAccount = expect.objectContaining({ code: 'meter/other-account' })

/** Binds a meter to a CTP of an account, and receipts it unless told otherwise. */
function trade(meter: SoftwareMeter, account: Address, nonce: number, isDelivered = true) {
  const expirySeconds = later(3600)
  const ctp = makeCtp(meter.takeKey(expirySeconds, account).meterKey, { nonce, expirySeconds })
  meter.bind(ctp, account, market)
  if (!isDelivered) return
  const ctpId = ctpIdOf(digestOf(market, 'Ctp', ctp), account)
  meter.receipt(ctpId, wh(500), now)
  meter.acknowledge(ctpId, wh(500))
}

const audit = (meter: SoftwareMeter, days = 30) =>
  auditMeter(meter.state, seconds(now - days * day), now)

describe('the audit of a meter', () => {
  it('is empty before the first tree', () => {
    expect(audit(makeMeter(1))).toMatchObject({
      ...{ ctps: 0, accounts: [], witnesses: [], repeatedKeys: 0, isComplete: true },
      links: { receipts: 0, roots: 0 },
    })
    expect(audit(makeMeter(1)).usedTree).toBeUndefined()
  })

  it('P9: counts what each root, account and witness shows; no root two accounts', async () => {
    const meter = makeMeter(1, { treeHeight: 2 })
    const [south, north] = [makeMeter(2), makeMeter(3)]
    await meter.renew(market, witnessOf(south), renewal())
    expect(audit(meter).usedTree).toBeUndefined()
    trade(meter, consumer, 0)
    trade(meter, consumer, 1, false)
    expect(() => trade(meter, other, 0)).toThrow(otherAccount)
    trade(meter, consumer, 2)
    await meter.renew(market, witnessOf(north), renewal())
    expect(audit(meter)).toMatchObject({
      ...{ ctps: 3, accountsPerRootMost: 1, repeatedKeys: 0 },
      links: { receipts: 2, roots: 1, receiptsPerRootMost: 2 },
      usedTree: { keysLeft: 1, untilSeconds: meter.state.trees[0]!.coe.coe.notAfterSeconds },
    })
    trade(meter, consumer, 3)
    expect(audit(meter).usedTree).toBeUndefined()
    trade(meter, other, 0)
    const after = audit(meter)
    expect(after).toMatchObject({
      ...{ ctps: 5, accountsPerRootMost: 1, links: { receipts: 4, roots: 2 } },
    })
    expect(after.accounts).toEqual([
      { account: consumer, ctps: 4, receipts: 3, witnesses: [south.identity] },
      { account: other, ctps: 1, receipts: 1, witnesses: [north.identity] },
    ])
    expect(after.witnesses).toEqual([
      { witness: south.identity, trees: 1 },
      { witness: north.identity, trees: 1 },
    ])
    expect(after.usedTree).toMatchObject({ keysLeft: 3 })
  })

  it('leaves out what expired before, and says where trees may be forgotten', async () => {
    const meter = makeMeter(1)
    await meter.renew(market, witnessOf(makeMeter(2)), renewal())
    trade(meter, consumer, 0)
    const auditAt = (days: number) => auditMeter(meter.state, later(days * day), later(days * day))
    expect(auditAt(0)).toMatchObject({ ctps: 1, witnesses: [{ trees: 1 }] })
    expect(auditAt(1)).toMatchObject({ ctps: 0, accounts: [], witnesses: [{ trees: 1 }] })
    expect(auditAt(8)).toMatchObject({ ctps: 0, witnesses: [] })
    expect(auditAt(8).usedTree).toBeUndefined()
    expect([audit(meter, 30).isComplete, audit(meter, 31).isComplete]).toEqual([true, false])
  })
})
