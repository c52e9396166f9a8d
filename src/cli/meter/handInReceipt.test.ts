import { describe, expect, it } from 'vitest'
import { createFakeNode, fakeKey } from '../../api/fakeNode.ts'
import type { Bytes32 } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { addressOf } from '../../protocol/signature.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds, wh } from '../../protocol/units.ts'
import type { CtpDossier } from '../../protocol/views.ts'
import { handInReceipt } from './handInReceipt.ts'
import type { GatewayNode } from './nodeGateway.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const ctpId: Bytes32 = `0x${'c1'.repeat(32)}`
const signed: SignedErc = {
  erc: { ctpId, deliveredWh: wh(400), measuredAtSeconds: seconds(1_760_000_000) },
  signature: `0x${'5e'.repeat(64)}`,
}
const { current } = createFakeNode()
const committee = [1, 2, 3, 4].map((number) => addressOf(fakeKey(number)))

/** A member of a committee of four; it refuses the second receipt as a node does. */
function member(number: number, refuses?: ErrorCode): GatewayNode {
  let isKept = false
  return {
    async submitErc() {
      if (refuses !== undefined) throw new SpbError(refuses)
      if (isKept) throw new SpbError('erc/repeated')
      isKept = true
      return { ctp: { number } as CtpDossier, excessWh: wh(0) }
    },
    status: async () => ({ ...current, committee, member: number }),
    ctp: async () => ({}) as CtpDossier,
  }
}

async function handIn(...nodes: GatewayNode[]) {
  const acknowledged: number[] = []
  const meter = {
    acknowledge: async (_: Bytes32, energy: number) => void acknowledged.push(energy),
  }
  const handedIn = handInReceipt({ node: nodes[0]!, nodes }, meter, signed)
  const [outcome] = await Promise.allSettled([handedIn])
  return { outcome, acknowledged }
}

describe('a receipt that is handed in by hand', () => {
  it('is acknowledged to its meter once f + 1 members keep it', async () => {
    const { outcome, acknowledged } = await handIn(member(0), member(1))
    expect(outcome).toMatchObject({ value: { view: { ctp: { number: 0 } }, shortage: undefined } })
    expect(acknowledged).toEqual([400])
  })

  it('is taken, but not acknowledged, where one member alone keeps it', async () => {
    const { outcome, acknowledged } = await handIn(member(0), member(1, 'node/unreachable'))
    expect(outcome).toMatchObject({
      value: { view: { ctp: { number: 0 } }, shortage: refusal('node/unreachable') },
    })
    expect(outcome).toMatchObject({ value: { shortage: { meta: { members: 1, needed: 2 } } } })
    expect(acknowledged).toEqual([])
  })

  it('that nobody will ever take holds the meter up no longer', async () => {
    const { outcome, acknowledged } = await handIn(member(0, 'erc/late'), member(1, 'erc/late'))
    expect(outcome).toMatchObject({ reason: refusal('erc/late') })
    expect(acknowledged).toEqual([400])
    const half = await handIn(member(0, 'erc/late'), member(1, 'node/unreachable'))
    expect(half.outcome).toMatchObject({ reason: refusal('erc/late') })
    expect(half.acknowledged).toEqual([])
  })

  it('is sent again later where the node cannot take it now', async () => {
    const { outcome, acknowledged } = await handIn(member(0, 'node/overloaded'), member(1))
    expect(outcome).toMatchObject({ reason: refusal('node/overloaded') })
    expect(acknowledged).toEqual([])
  })
})
