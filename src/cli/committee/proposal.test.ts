import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeFunctionData } from 'viem'
import { describe, expect, it } from 'vitest'
import { marketAbi } from '../../abi/market.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { createTestCli } from '../testCli.cases.ts'
import { addSignature, describeProposal, readProposal, writeProposal } from './proposal.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const cli = createTestCli()
const keys = [1, 2, 3, 4].map((fill) => new Uint8Array(32).fill(fill))
const committee = { epoch: 1, members: keys.map(addressOf) }
const market = { chainId: 1, address: `0x${'52'.repeat(20)}` } as const
const authority = `0x${'af'.repeat(20)}` as const

const proposalOf = (call: Hex) => ({
  market,
  message: { epoch: 1, sequence: 0n, call },
  signatures: [],
})
const trustCall = (isTrusted: boolean) =>
  encodeFunctionData({
    ...{ abi: marketAbi, functionName: 'setAuthority', args: [authority, isTrusted] },
  })
const standingCall = (functionName: 'setManufacturer' | 'revokeMeter', endsSeconds: number) =>
  encodeFunctionData({ abi: marketAbi, functionName, args: [authority, endsSeconds] })
const proposal = proposalOf(trustCall(true))

const sign = (member: number, of = proposal) => ({
  member,
  signature: signMessage(market, 'Governance', of.message, keys[member]!),
})

describe('a proposal', () => {
  it('says what its call does, not what its file says', () => {
    expect(describeProposal(proposal)).toBe(`trust the authority ${authority}`)
    expect(describeProposal(proposalOf(trustCall(false)))).toContain('no longer trust')
    const path = writeProposal(cli, 'trust.json', proposal)
    expect(path).toBe(join(cli.cwd, 'trust.json'))
    expect(readProposal(cli, 'trust.json')).toEqual(proposal)
  })

  it.each([
    ['setManufacturer', 2 ** 40 - 1, `trust meters of the manufacturer ${authority} without end`],
    [
      ...(['setManufacturer', 1_750_000_000] as const),
      `trust meters of the manufacturer ${authority} until 2025-06-15 15:06:40 UTC`,
    ],
    [
      ...(['revokeMeter', 1_750_000_000] as const),
      `revoke the meter ${authority}: trust it until 2025-06-15 15:06:40 UTC and no longer`,
    ],
    ['revokeMeter', 2 ** 40 - 1, `trust the meter ${authority} again, without end`],
    [
      ...(['revokeMeter', 2 ** 40 - 2] as const),
      `revoke the meter ${authority}: trust it until +036812-02-20 00:36:14 UTC and no longer`,
    ],
  ] as const)('says whose standing ends, and when: %s %i', (name, endsSeconds, says) => {
    expect(describeProposal(proposalOf(standingCall(name, endsSeconds)))).toBe(says)
  })

  it('gathers signatures in the members’ order, one each', () => {
    const first = addSignature(proposal, committee, sign(2))
    const second = addSignature(first, committee, sign(0))
    const again = addSignature(second, committee, sign(2))
    expect(again.signatures.map(({ member }) => member)).toEqual([0, 2])
    const foreign = { ...sign(1), member: 3 }
    expect(() => addSignature(proposal, committee, foreign)).toThrow(refusal('signature/invalid'))
  })

  it('is refused where its call is no matter of governance', () => {
    const calls = ['0x12345678', encodeFunctionData({ abi: marketAbi, functionName: 'deposit' })]
    for (const call of calls as `0x${string}`[]) {
      const odd = { ...proposal, message: { ...proposal.message, call } }
      expect(() => describeProposal(odd)).toThrow(refusal('input/shape'))
    }
  })

  it('may be missing or malformed', () => {
    expect(() => readProposal(cli, 'none.json')).toThrow(refusal('file/unreadable'))
    writeFileSync(join(cli.cwd, 'odd.json'), '{"market": {}}')
    expect(() => readProposal(cli, 'odd.json')).toThrow(refusal('input/shape'))
  })
})
