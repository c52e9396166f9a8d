import { describe, expect, it } from 'vitest'
import { createFakeNode, fakeSubmission } from '../api/fakeNode.ts'
import type { NodeService } from '../node/nodeService.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'
import { createFailoverClient } from './failoverClient.ts'
import type { NodeClient } from './nodeClient.ts'
import { isNodeFailure, tryNodes } from './tryNodes.ts'

const refusal = (code: string) => expect.objectContaining({ code })

/** A client of a node in memory; `fails` is what it throws from now on. */
type ScriptedClient = { client: NodeClient; calls: string[]; fails?: ErrorCode | undefined }

function script(url: string, fails?: ErrorCode): ScriptedClient {
  const node = createFakeNode()
  const scripted: ScriptedClient = { client: {} as NodeClient, calls: [], fails }
  const answer = (name: keyof NodeService) => {
    return async (...given: never[]) => {
      scripted.calls.push(name)
      if (scripted.fails !== undefined) throw new SpbError(scripted.fails, `${url} says no.`)
      return await (node[name] as (...words: never[]) => unknown)(...given)
    }
  }
  const names = ['market', 'status', 'totals', 'submitCtp', 'submitErc', 'voidNonce'] as const
  const lists = ['ctp', 'ctps', 'offers', 'account', 'proof'] as const
  const calls = [...names, ...lists].map((name) => [name, answer(name)])
  scripted.client = { url, ...Object.fromEntries(calls) } as NodeClient
  return scripted
}

describe('nodes tried one after another', () => {
  const failing = (...codes: (ErrorCode | undefined)[]) =>
    tryNodes(codes, async (code) => {
      if (code !== undefined) throw new SpbError(code)
      return 'answer'
    })

  it('give the first answer', async () => {
    expect(await failing(undefined)).toBe('answer')
    const codes = ['node/unreachable', 'node/overloaded', 'node/not-voting'] as const
    expect(await failing(...codes, undefined, 'ctp/nonce-reused')).toBe('answer')
  })

  it('are not asked again after a refusal, which each of them would give', async () => {
    await expect(failing('ctp/nonce-reused', undefined)).rejects.toEqual(
      refusal('ctp/nonce-reused'),
    )
    const broken = tryNodes([1, 2], async () => {
      throw new TypeError('a bug')
    })
    await expect(broken).rejects.toThrow(TypeError)
  })

  it('fail with the first one’s failure where none answers', async () => {
    const failure = await failing('node/overloaded', 'node/unreachable').catch((each) => each)
    expect(failure).toMatchObject({ code: 'node/overloaded' })
    expect(failure.message).toMatch(/^None of 2 nodes could: /)
    await expect(failing('node/unreachable')).rejects.toThrow('The node does not answer.')
    await expect(tryNodes([], async () => 1)).rejects.toThrow('Invariant broken')
  })

  it.each<[ErrorCode, boolean]>([
    ...(['node/catching-up', 'node/clock-skewed', 'chain/stalled', 'store/failed'] as const).map(
      (code): [ErrorCode, boolean] => [code, true],
    ),
    ...(['node/not-found', 'ctp/unknown', 'input/shape', 'erc/late'] as const).map(
      (code): [ErrorCode, boolean] => [code, false],
    ),
  ])('%s speaks of the node: %s', (code, isOfNode) => {
    expect(isNodeFailure(new SpbError(code))).toBe(isOfNode)
  })
})

describe('a client of several nodes', () => {
  it('stays with the first node while it answers', async () => {
    const [a, b] = [script('http://a'), script('http://b')]
    const client = createFailoverClient([a.client, b.client])
    expect(client.url).toBe('http://a')
    await client.market()
    await client.status()
    expect([a.calls, b.calls]).toEqual([['market', 'status'], []])
  })

  it('goes on to the next one, says so once, and comes back when that one fails', async () => {
    const [a, b] = [script('http://a', 'node/unreachable'), script('http://b')]
    const told: string[] = []
    const client = createFailoverClient([a.client, b.client], {
      onChange: (url) => told.push(url),
    })
    const submission = fakeSubmission()
    expect((await client.submitCtp(submission)).state).toBe('held')
    expect(client.url).toBe('http://b')
    const calls = [
      ...[
        client.totals(),
        client.ctps({}),
        client.offers({}),
        client.account(submission.ctp.producer),
      ],
      client.voidNonce(submission),
    ]
    await Promise.all(calls)
    expect(a.calls).toEqual(['submitCtp'])
    expect(told).toEqual(['http://b'])
    Object.assign(a, { fails: undefined })
    Object.assign(b, { fails: 'node/overloaded' })
    await client.offers({})
    expect(client.url).toBe('http://a')
    expect(told).toEqual(['http://b', 'http://a'])
  })

  it('asks the first one alone for a number, and any for an id', async () => {
    const [a, b] = [script('http://a', 'node/unreachable'), script('http://b')]
    const client = createFailoverClient([a.client, b.client])
    const { ctpId, number } = await client.submitCtp(fakeSubmission())
    expect((await client.ctp(ctpId)).ctpId).toBe(ctpId)
    expect((await client.proof(ctpId)).digest).not.toBeNull()
    const failure = await client.ctp(number).catch((error) => error)
    expect(failure).toMatchObject({ code: 'node/unreachable' })
    expect(failure.hint).toContain(`CTP ${number}`)
    expect(b.calls).toEqual(['submitCtp', 'ctp', 'proof'])
    Object.assign(a, { fails: undefined })
    await expect(client.ctp(number)).rejects.toEqual(refusal('ctp/unknown'))
  })

  it('passes a refusal on', async () => {
    const [a, b] = [script('http://a', 'erc/late'), script('http://b')]
    const client = createFailoverClient([a.client, b.client])
    const signed = { erc: {}, signature: '0x' } as never
    await expect(client.submitErc(signed)).rejects.toEqual(refusal('erc/late'))
    expect(b.calls).toEqual([])
  })
})
