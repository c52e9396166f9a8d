import { setTimeout as delay } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CommitteeProcesses, committeeTerms, until } from '../support/committeeProcesses.ts'
import { CommitteeProcessesTrade, type SignedTrade } from '../support/committeeProcessesTrade.ts'

const refusal = (...codes: string[]) =>
  expect.objectContaining({ code: expect.stringMatching(new RegExp(`^(${codes.join('|')})$`)) })
let committee: CommitteeProcesses
let household: CommitteeProcessesTrade

beforeAll(async () => {
  committee = await CommitteeProcesses.open('crashes')
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

const clientsOf = (...which: number[]) => which.map((at) => committee.members[at]!.client)
const everyone = [0, 1, 2, 3]

type Trading = {
  trades: SignedTrade[]
  comeMore(more: number): Promise<void>
  end(): Promise<void>
}

/** Trades on through all members, with a receipt for each so many CTPs, until told to end. */
function tradeOn(receiptEvery = 2): Trading {
  const trades: SignedTrade[] = []
  const clients = clientsOf(...everyone)
  let isOver = false
  const work = (async () => {
    while (!isOver) {
      const trade = await household.insist(clients)
      trades.push(trade)
      if (trades.length % receiptEvery === 0) await household.insistReceipt(clients, trade)
      // An account has 64 nonces open at most: not all of them shall be used up in a second.
      await delay(100)
    }
  })()
  const failed = work.then(() => expect.fail('trade ended before it was told to'))
  failed.catch(() => undefined)
  return {
    trades,
    async comeMore(more) {
      const before = trades.length
      const look = () => trades.length
      await Promise.race([failed, until('trade goes on', look, (count) => count >= before + more)])
    },
    async end() {
      isOver = true
      await work
    },
  }
}

describe('four members as processes', () => {
  it('P8: one that is killed in the middle of trading loses nothing; others go on', async () => {
    const { comeMore, end } = tradeOn()
    await comeMore(3)
    await committee.members[1]!.kill()
    await comeMore(3)
    await committee.start(1)
    await committee.allVote()
    await comeMore(1)
    await end()
    await household.areKept()
    await household.arePaid()
  }, 90_000)

  it('P8: all killed at once go on where they were', async () => {
    const { comeMore, end } = tradeOn()
    await comeMore(3)
    await Promise.all(committee.members.map((member) => member.kill()))
    await Promise.all(everyone.map((at) => committee.start(at)))
    await committee.allVote()
    await comeMore(2)
    await end()
    await household.areKept()
    await household.arePaid()
  }, 90_000)

  it('P8: one whose disk is full says so and ends, and has all when there is room', async () => {
    const full = committee.members[3]!
    await full.kill()
    await committee.start(3, { roomKib: 256 })
    await committee.allVote()
    const { comeMore, end } = tradeOn(1)
    expect(await full.ended()).toBe(5)
    expect(full.said()).toMatch(/database could not be read or written/)
    await comeMore(1)
    await end()
    await committee.start(3)
    await household.areKept()
  }, 90_000)
})

describe('a member on a disk that is not its newest', () => {
  /** It does not vote: with one of the others gone, nothing is certified. */
  async function doesNotVote(): Promise<void> {
    const { client } = committee.members[3]!
    const status = await until(
      'the member says that it does not vote',
      () => client.status(),
      ({ reason }) => reason === 'node/not-voting',
    )
    expect(status.isVoting).toBe(false)
    await household.buy(clientsOf(0)[0]!)
    await committee.members[2]!.kill()
    const trade = await household.sign()
    await expect(household.submit(clientsOf(0)[0]!, trade)).rejects.toEqual(
      refusal('certificate/too-few-votes', 'node/too-few-members', 'node/not-voting'),
    )
    await committee.start(2)
    await until(
      'it is certified by the others',
      () => household.submit(clientsOf(0)[0]!, trade).catch(({ code }) => ({ state: code })),
      ({ state }) => state === 'held',
    )
    expect(await client.status()).toMatchObject({ isVoting: false, reason: 'node/not-voting' })
    // It keeps up all the same.
    await household.areKept()
    await household.arePaid()
    household.held.clear()
    const { longestLifeSeconds, graceSeconds } = committeeTerms
    await committee.passTime(longestLifeSeconds + graceSeconds + 1)
    await committee.allVote()
    await household.buy(client)
  }

  it('P2: with a wiped one it waits until nothing it may have signed is live', async () => {
    await household.buy(clientsOf(3)[0]!)
    await committee.members[3]!.kill()
    committee.wipeDatabase(3)
    await committee.start(3)
    await doesNotVote()
  }, 90_000)

  it('P2: with a copy from earlier it is told, says so, and waits too', async () => {
    await committee.members[3]!.kill()
    const putBack = committee.copyDatabase(3)
    await committee.start(3)
    await committee.allVote()
    await household.buy(clientsOf(3)[0]!)
    await committee.members[3]!.kill()
    putBack()
    await committee.start(3)
    await doesNotVote()
    const said = committee.members[3]!.log().map(({ msg }) => msg)
    expect(said).toContainEqual(expect.stringContaining('it may have voted there'))
  }, 90_000)
})
