import { existsSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeAbiParameters } from 'viem'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { startFakeRpc } from '../../adapters/chain/fakeRpc.ts'
import { type ApiServer, createApiServer } from '../../api/apiServer.ts'
import type { EpochService } from '../../api/epochRoutes.ts'
import { createFakeNode, fakeKey, fakeMarket } from '../../api/fakeNode.ts'
import type { EpochView } from '../../protocol/epochView.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { createTestCli, runCli } from '../testCli.cases.ts'
import { openOperatorToken, operatorTokenPath, readOperatorToken } from './operatorToken.ts'
import { describeProposal, readProposal } from './proposal.ts'

const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const keys = [10, 11, 12, 13].map(fakeKey)
const members = keys.map(addressOf)
const next = [20, 21, 22, 23].map((number) => addressOf(fakeKey(number)))

/** A node of a committee of four, of whom some have ended. */
class CommitteeNode {
  readonly view: EpochView
  readonly api: ApiServer
  asked = 0

  constructor() {
    const view: EpochView = {
      ...{ epoch: 1, members, quorum: 3, isStarted: true, missingReports: [] },
      ...{ hasEnded: false, ends: [] },
    }
    this.view = view
    const node = createFakeNode()
    node.current = { ...node.current, committee: members, quorum: 3 }
    const service: EpochService = {
      epoch: () => view,
      endEpoch: async () => {
        this.asked++
        if (!view.isStarted) throw new SpbError('epoch/not-started')
        view.hasEnded = true
        this.end(0)
        return view
      },
    }
    const epochs = { service, operatorToken: openOperatorToken(folder) }
    this.api = createApiServer({ node, port: 0, epochs })
  }

  end(member: number, hasReport = true, votesRoot = rootOf(member)): void {
    const signature = signMessage(fakeMarket, 'EpochEnd', { epoch: 1, votesRoot }, keys[member]!)
    this.view.ends = this.view.ends.filter((end) => end.member !== member)
    this.view.ends.push({ member, votesRoot, signature, hasReport })
    this.view.ends.sort((a, b) => a.member - b.member)
  }
}

const rootOf = (member: number): `0x${string}` => `0x${`a${member}`.repeat(32)}`

let first: CommitteeNode
let second: CommitteeNode
let rpc: Awaited<ReturnType<typeof startFakeRpc>>

beforeAll(async () => {
  first = new CommitteeNode()
  second = new CommitteeNode()
  await Promise.all([first.api.listen(), second.api.listen()])
  rpc = await startFakeRpc(() => encodeAbiParameters([{ type: 'uint64' }], [3n]))
})
afterAll(() => Promise.all([first.api.close(), second.api.close(), rpc.close()]))

async function run(words: string, nodes = [first]) {
  const where = nodes.map(({ api }) => `--node ${api.url}`).join(' ')
  const { code, out } = await runCli(cli, `committee ${words} ${where} --chain ${rpc.url} --json`)
  const json = JSON.parse(out)
  return { exit: code, code: json.error?.code, ...json }
}

describe('the operator’s token', () => {
  it('is made once, for its owner only', () => {
    const token = openOperatorToken(folder)
    expect(openOperatorToken(folder)).toBe(token)
    expect(statSync(operatorTokenPath(folder)).mode & 0o777).toBe(0o600)
  })

  it('is not there for whoever has another folder, or a damaged one', () => {
    const other = dataFolderOf(createTestCli(), {})
    const refused = expect.objectContaining({ code: 'epoch/not-operator' })
    expect(() => readOperatorToken(other)).toThrow(refused)
    expect(existsSync(operatorTokenPath(other))).toBe(false)
    openOperatorToken(other)
    writeFileSync(operatorTokenPath(other), 'short\n')
    expect(() => openOperatorToken(other)).toThrow(refused)
  })
})

describe('spb committee end', () => {
  it('is refused to everyone but the operator', async () => {
    const url = `${first.api.url}/v1/epoch/end`
    const token = openOperatorToken(folder)
    const tries = [
      undefined,
      'Bearer ',
      `Bearer ${token}0`,
      `Basic ${token}`,
      `Bearer ${'0'.repeat(64)}`,
    ]
    for (const authorization of tries) {
      const headers = { 'content-type': 'application/json' }
      const all = authorization === undefined ? headers : { ...headers, authorization }
      const answer = await fetch(url, { method: 'POST', headers: all, body: '{}' })
      expect(answer.status).toBe(403)
      expect(await answer.json()).toMatchObject({ error: { code: 'epoch/not-operator' } })
    }
    expect(first.asked).toBe(0)
    const stranger = createTestCli()
    const { code } = await runCli(stranger, `committee end --node ${first.api.url}`)
    expect(code).toBe(3)
  })

  it('ends the epoch for the folder’s member, and says who else has', async () => {
    expect(await run('end')).toMatchObject({ epoch: 1, hasEnded: true, ends: [{ member: 0 }] })
    const { out } = await runCli(cli, `committee end --node ${first.api.url}`)
    expect(out).toContain('1 of 3 members ended it')
    const shown = await runCli(cli, `committee show --node ${first.api.url} --chain ${rpc.url}`)
    expect(shown.out).toContain(`${members[0]} (ended the epoch)`)
  })

  it('passes on why the member cannot', async () => {
    first.view.isStarted = false
    expect(await run('end')).toMatchObject({ code: 'epoch/not-started' })
    first.view.isStarted = true
  })
})

describe('spb committee propose members', () => {
  const words = `propose members ${next.join(' ')} --out next.json`

  it('needs a quorum of ends with their reports', async () => {
    expect(await run(words)).toMatchObject({ exit: 3, code: 'epoch/too-few-ends' })
    first.end(1)
    first.end(2, false)
    expect(await run(words)).toMatchObject({ code: 'epoch/too-few-ends' })
    expect(existsSync(join(cli.cwd, 'next.json'))).toBe(false)
  })

  it('takes ends of all nodes that are named, and none that nobody signed', async () => {
    second.end(3)
    second.view.ends[0] = { ...second.view.ends[0]!, votesRoot: rootOf(7) }
    expect(await run(words, [first, second])).toMatchObject({ code: 'epoch/too-few-ends' })
    second.end(3)
    const made = await run(words, [first, second])
    expect(made).toMatchObject({ epoch: 1, sequence: '3', quorum: 3 })
    expect(made.says).toContain('open the next epoch with')
    const proposal = readProposal(cli, 'next.json')
    for (const member of next) {
      expect(describeProposal(proposal).toLowerCase()).toContain(member)
    }
  })

  it('is signed only where all reports are', async () => {
    writeFileSync(join(cli.cwd, 'member.key'), `0x${'0b'.repeat(32)}\n`)
    const sign = 'sign next.json --key member.key'
    expect(await run(sign)).toMatchObject({ exit: 3, code: 'epoch/reports-missing' })
    expect(await run(sign, [first, second])).toMatchObject({ member: 1, signatures: 1 })
  })

  it.each([
    [`${next.slice(0, 3).join(' ')} --out x.json`, 'input/number'],
    [`${next[0]} ${next[0]} ${next[1]} ${next[2]} --out x.json`, 'input/address'],
    ['alice --out x.json', 'input/address'],
    ['--out x.json', 'input/option'],
  ])('refuses: %s', async (rest, code) => {
    expect(await run(`propose members ${rest}`)).toMatchObject({ exit: 2, code })
  })
})
