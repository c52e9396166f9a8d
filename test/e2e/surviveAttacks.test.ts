import { connect, type Socket } from 'node:net'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { writeFrame } from '../../src/adapters/network/frameReader.ts'
import { createLibp2pNetwork } from '../../src/adapters/network/libp2pNetwork.ts'
import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import { describeError } from '../../src/api/requestErrors.ts'
import { composeNode, type RunningNode } from '../../src/node/compose.ts'
import type { Network } from '../../src/ports/network.ts'
import { encodeNodeMessage } from '../../src/protocol/wire/nodeMessageCodec.ts'
import { CommitteeProcesses, until } from '../support/committeeProcesses.ts'
import {
  floodWithGarbage,
  openCommitteeProcessesStranger,
} from '../support/committeeProcessesStranger.ts'
import { CommitteeProcessesTrade } from '../support/committeeProcessesTrade.ts'
import { createRichChainOf } from '../support/richChain.ts'
import { idOf, makeSubmission, partyOf, startSeconds, testFacts } from '../support/tradeFixture.ts'

const tradeCount = 10

describe('four members as processes', () => {
  let committee: CommitteeProcesses
  let household: CommitteeProcessesTrade

  beforeAll(async () => {
    committee = await CommitteeProcesses.open('attacks')
  }, 90_000)

  beforeEach(async ({ task }) => {
    household = await CommitteeProcessesTrade.open(committee, task.name)
  }, 30_000)

  afterEach(async () => {
    await committee?.heal()
  }, 60_000)

  afterAll(async () => {
    await committee?.close()
  }, 60_000)

  /** Trade goes on through every member, without one refusal. */
  async function trade(): Promise<void> {
    for (let at = 0; at < tradeCount; at++) {
      const { client } = committee.members[at % 4]!
      const bought = await household.buy(client)
      await household.receipt(client, bought)
    }
    await household.areKept()
    await household.arePaid()
    for (const { client } of committee.members) {
      const { isVoting, peers = [] } = await client.status()
      const members = peers.filter(({ member }) => member !== undefined)
      expect({ isVoting, members: members.length }).toEqual({ isVoting: true, members: 3 })
    }
  }

  it('P4, P8: 1,000 garbage messages a second from strangers harm nobody', async () => {
    const abort = new AbortController()
    const target = committee.members[0]!
    const flood = floodWithGarbage(committee, target, abort.signal)
    const isCutOff = ({ msg }: { msg: string }) => /cut off/.test(msg)
    try {
      await until('a stranger is cut off', () => target.log().filter(isCutOff).length, Boolean)
      await trade()
    } finally {
      abort.abort()
    }
    const { sent, cuts } = await flood
    expect(cuts).toBeGreaterThan(0)
    expect(sent).toBeGreaterThanOrEqual(1_000)
  }, 90_000)

  it('P4, P8: peers and clients that never read harm nobody', async () => {
    const strangers = await Promise.all(
      [1, 2].map(() => openCommitteeProcessesStranger(committee, false)),
    )
    const sockets: Socket[] = []
    try {
      const place = { prefix: '0x' as const, bits: 0 }
      for (const stranger of strangers) {
        for (const member of committee.members) {
          const stream = await stranger.callOn(member)
          stream.pause()
          // Asks and asks, and reads no answer.
          for (let id = 1; id <= 500; id++) {
            const ask = { kind: 'treeAsk' as const, id, places: [place] }
            stream.send(writeFrame(encodeNodeMessage(ask)))
          }
        }
      }
      for (const { client } of committee.members) {
        const { networkAddresses } = await client.status()
        const networkPort = Number(networkAddresses![0]!.split('/')[4])
        for (const port of [networkPort, Number(new URL(client.url).port)]) {
          const socket = connect(port, '127.0.0.1').pause()
          socket.on('error', () => socket.destroy())
          socket.write('GET /openapi.json HTTP/1.1\r\nhost: 127.0.0.1\r\n\r\n'.repeat(100))
          sockets.push(socket)
        }
      }
      await trade()
    } finally {
      for (const socket of sockets) socket.destroy()
      await Promise.all(strangers.map((stranger) => stranger.close()))
    }
  }, 90_000)

  it('P8: more requests than a member takes are told when to come again', async () => {
    const { client } = committee.members[0]!
    const accepted = await household.buy(client)
    const isRefused = async () => {
      const answers = await Promise.all(
        Array.from({ length: 200 }, () => fetch(`${client.url}/v1/status`)),
      )
      const bodies = await Promise.all(answers.map((answer) => answer.json()))
      const at = answers.findIndex(({ status }) => status === 429)
      return at < 0 ? undefined : { body: bodies[at], headers: answers[at]!.headers }
    }
    const refused = await until('requests are refused', isRefused, (seen) => seen !== undefined)
    expect(refused!.body).toMatchObject({ error: { code: 'node/rate-limited' } })
    expect(Number(refused!.headers.get('retry-after'))).toBeGreaterThan(0)
    await until(
      'the member serves again',
      () =>
        household.receipt(client, accepted).then(
          () => 'done',
          ({ code }) => code,
        ),
      (seen) => seen === 'done',
    )
    await household.areKept()
    await household.arePaid()
  }, 90_000)
})

describe('four nodes of which one has little room for requests', () => {
  const parties = [0, 1, 2, 3].map((at) => partyOf(`crowded member ${at}`))
  const consumers = Array.from({ length: 40 }, (_, at) => partyOf(`crowded consumer ${at}`))
  const producer = partyOf('crowded producer')
  const quiet = { info: () => {}, warn: () => {}, error: () => {} }
  const waitingRequests = 8
  const running: RunningNode[] = []

  afterAll(async () => {
    for (const each of running.splice(0).reverse()) await each.close()
  })

  async function startNodes(): Promise<RunningNode[]> {
    const members = parties.map(({ address }) => address)
    const addresses = consumers.map(({ address }) => address)
    const known: Network[] = []
    const nodes: RunningNode[] = []
    for (const { key } of parties) {
      const network = createLibp2pNetwork({
        ...{ privateKey: key, listen: ['/ip4/127.0.0.1/tcp/0'], topic: 'spb/1/crowd', log: quiet },
      })
      for (const other of known) for (const address of other.addresses()) network.connect(address)
      const node = await composeNode(
        { facts: testFacts, memberKey: key, pollMs: 50, isFirstStart: true, waitingRequests },
        {
          ...{ store: createMemoryStore(), chain: createRichChainOf(members, addresses) },
          ...{ log: quiet, clock: { nowMs: () => startSeconds * 1_000 }, network },
        },
      )
      known.push(network)
      nodes.push(node)
      running.push(node)
    }
    return nodes
  }

  it('P8: refuses CTPs beyond it, says when to try again, and keeps what it took', async () => {
    const nodes = await startNodes()
    await until(
      'all vote',
      () => nodes.map(({ service }) => service.status().isVoting),
      (all) => all.every(Boolean),
    )
    const { service } = nodes[0]!
    const trades = consumers.map((consumer) => {
      const { meterKey: _, ...submission } = makeSubmission({ consumer, producer })
      return { ctpId: idOf(submission, consumer), submission }
    })
    const asked = trades.map(({ submission }) => service.submitCtp(submission))
    const answers = await Promise.allSettled(asked)
    const states = answers.map((answer) =>
      answer.status === 'fulfilled' ? answer.value.state : describeError(answer.reason),
    )
    expect(states.slice(0, waitingRequests)).toEqual(Array(waitingRequests).fill('held'))
    for (const refusal of states.slice(waitingRequests)) {
      expect(refusal).toMatchObject({
        ...{ status: 429, retryAfterSeconds: expect.any(Number) },
        body: { error: { code: 'node/overloaded', meta: { retryAfterSeconds: 2 } } },
      })
    }
    // Sent again, one after another, the others are taken too.
    for (const { submission } of trades) await service.submitCtp(submission)
    const look = () => nodes.map(({ state }) => trades.map((t) => state.live.get(t.ctpId)?.state))
    await until('every node has all', look, (all) => all.flat().every((state) => state === 'held'))
  })
})
