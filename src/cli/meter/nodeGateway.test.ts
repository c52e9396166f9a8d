import { describe, expect, it } from 'vitest'
import { createFakeNode, fakeKey } from '../../api/fakeNode.ts'
import type { Bytes32 } from '../../protocol/bytes.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { addressOf } from '../../protocol/signature.ts'
import type { SignedErc } from '../../protocol/signedErc.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds, wh } from '../../protocol/units.ts'
import type { CtpDossier, CtpState } from '../../protocol/views.ts'
import { createNodeGateway, type GatewayNode } from './nodeGateway.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const ctpId: Bytes32 = `0x${'c1'.repeat(32)}`
const signed: SignedErc = {
  erc: { ctpId, deliveredWh: wh(400), measuredAtSeconds: seconds(1_760_000_000) },
  signature: `0x${'5e'.repeat(64)}`,
}
const { current } = createFakeNode()

type NodeChanges = {
  member?: number | undefined
  members?: number
  /** What it refuses receipts with. */
  refuses?: ErrorCode
  state?: CtpState | ErrorCode
}

/** A node of a committee of four, so that two have to keep a receipt. */
function makeNode({ members = 4, refuses, state = 'held', ...rest }: NodeChanges) {
  const kept: SignedErc[] = []
  const { member: _, ...status } = current
  const node: GatewayNode & { kept: SignedErc[] } = {
    kept,
    async submitErc(erc) {
      if (refuses !== undefined) throw new SpbError(refuses)
      kept.push(erc)
      return { ctp: {} as CtpDossier, excessWh: wh(0) }
    },
    async status() {
      const committee = Array.from({ length: members }, (_, at) => addressOf(fakeKey(at + 1)))
      return { ...status, committee, ...(rest.member === undefined ? {} : { member: rest.member }) }
    },
    async ctp() {
      if (state.includes('/')) throw new SpbError(state as ErrorCode)
      return { state } as CtpDossier
    },
  }
  return node
}

const send = (...changes: NodeChanges[]) => {
  const nodes = changes.map(makeNode)
  return createNodeGateway(() => nodes).sendReceipt(signed)
}

describe('a receipt handed to nodes', () => {
  it('is kept once f + 1 distinct members keep it', async () => {
    const nodes = [makeNode({ member: 0 }), makeNode({ member: 2 })]
    await createNodeGateway(() => nodes).sendReceipt(signed)
    expect(nodes.map(({ kept }) => kept)).toEqual([[signed], [signed]])
    await expect(send({ member: 0, members: 1 })).resolves.toBeUndefined()
  })

  it.each<[string, NodeChanges[]]>([
    ['by one of two that are needed', [{ member: 0 }]],
    ['twice by one member, behind two addresses', [{ member: 1 }, { member: 1 }]],
    ['by one, while another is away', [{ member: 1 }, { member: 2, refuses: 'node/unreachable' }]],
    ['by one, while another refuses', [{ member: 1 }, { member: 2, refuses: 'erc/late' }]],
    ['by one, and by a node that is no member', [{ member: 1 }, {}]],
    ['by a node that is no member of a committee of one', [{ members: 1 }]],
    // Seven members, of which two may lie: a node with an old epoch does not lower that.
    [
      'by two of three',
      [
        { member: 0, members: 4 },
        { member: 1, members: 7 },
      ],
    ],
  ])('is not when it is kept %s', async (_name, changes) => {
    await expect(send(...changes)).rejects.toEqual(refusal('node/unreachable'))
  })

  it.each<ErrorCode>(['erc/repeated', 'erc/lower'])('is kept by who says %s', async (code) => {
    await expect(send({ member: 0, refuses: code }, { member: 1 })).resolves.toBeUndefined()
  })

  it('is refused where all nodes refuse it', async () => {
    const refusing = [0, 1].map((member) => ({ member, refuses: 'erc/late' as const }))
    await expect(send(...refusing)).rejects.toEqual(refusal('erc/late'))
    await expect(send({ refuses: 'erc/unknown-ctp' })).rejects.toEqual(refusal('erc/unknown-ctp'))
  })

  it('is not refused for good while a node that may keep it is away', async () => {
    const changes: NodeChanges[] = [{ refuses: 'erc/late' }, { refuses: 'node/unreachable' }]
    await expect(send(...changes)).rejects.toEqual(refusal('node/unreachable'))
  })

  it('is kept by nobody where there is no node', async () => {
    await expect(send()).rejects.toEqual(refusal('node/unreachable'))
    const gateway = createNodeGateway(() => {
      throw new SpbError('node/unreachable', 'No node runs.')
    })
    await expect(gateway.sendReceipt(signed)).rejects.toThrow('No node runs.')
    await expect(gateway.stateOf(ctpId)).rejects.toThrow('No node runs.')
  })
})

describe('the state of a CTP', () => {
  const ask = (...states: (CtpState | ErrorCode)[]) =>
    createNodeGateway(() => states.map((state) => makeNode({ state }))).stateOf(ctpId)

  it('is what the first node says that knows it', async () => {
    expect(await ask('settled')).toBe('settled')
    expect(await ask('ctp/unknown', 'node/unreachable', 'held', 'declined')).toBe('held')
  })

  it('is unknown where no node that answers knows it', async () => {
    expect(await ask('ctp/unknown')).toBeUndefined()
    expect(await ask('node/unreachable', 'ctp/unknown')).toBeUndefined()
  })

  it('is no node’s word where none answers', async () => {
    await expect(ask('node/unreachable')).rejects.toEqual(refusal('node/unreachable'))
    await expect(ask('node/bad-answer')).rejects.toEqual(refusal('node/bad-answer'))
  })
})
