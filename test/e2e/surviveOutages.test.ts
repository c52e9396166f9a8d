import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { CommitteeProcesses, until } from '../support/committeeProcesses.ts'
import { CommitteeProcessesTrade, type SignedTrade } from '../support/committeeProcessesTrade.ts'

const dayMs = 86_400_000
const tooFew = expect.objectContaining({
  code: expect.stringMatching(/^(certificate\/too-few-votes|node\/too-few-members)$/),
})
let committee: CommitteeProcesses
let household: CommitteeProcessesTrade

beforeAll(async () => {
  committee = await CommitteeProcesses.open('outages')
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

const clientOf = (at: number) => committee.members[at]!.client

const notVotingFor = (at: number, ...codes: string[]) =>
  until(
    `member ${at} says why it does not vote`,
    () => clientOf(at).status(),
    ({ isVoting, reason = '' }) => !isVoting && codes.includes(reason),
  )

/** Sends a CTP again and again until it is certified. */
async function isCertifiedInTheEnd(at: number, trade: SignedTrade): Promise<void> {
  await until(
    'the CTP is certified',
    () => household.submit(clientOf(at), trade).catch(({ code }) => ({ state: code })),
    ({ state }) => state === 'held',
  )
}

describe('a member whose Ethereum client', () => {
  it.each(['gone', 'silent'] as const)(
    'P8: is %s says so, and goes on with it',
    async (how) => {
      const member = committee.members[3]!
      const before = await household.buy(member.client)
      member.chain.set(how)
      // The others need neither it nor its client.
      const meanwhile = await household.buy(clientOf(0))
      await household.receipt(clientOf(0), meanwhile)
      await household.arePaid()
      // Block time may stand still for a minute: let it be over.
      member.advanceClock(65_000)
      await notVotingFor(3, 'chain/stalled', 'chain/unreachable')
      const refused = expect.objectContaining({ code: expect.stringMatching(/^chain\//) })
      const next = await household.sign()
      await expect(household.submit(member.client, next)).rejects.toEqual(refused)
      member.chain.set('answers')
      await committee.allVote()
      await household.submit(member.client, next)
      await household.receipt(member.client, before)
      await household.areKept()
      await household.arePaid()
    },
    90_000,
  )
})

describe('half of the network cut off', () => {
  it('P2, P8: certifies nothing and says so, and goes on when the others are back', async () => {
    await household.buy(clientOf(0))
    for (const at of [2, 3]) committee.members[at]!.freeze()
    const trade = await household.sign()
    // Both gateways of this half say it of the same CTP.
    const asked = [0, 1].map((at) => household.submit(clientOf(at), trade))
    await Promise.all(asked.map((answer) => expect(answer).rejects.toEqual(tooFew)))
    const view = await clientOf(0).ctp(trade.ctpId)
    expect(view).toMatchObject({ state: 'proposed' })
    for (const at of [2, 3]) committee.members[at]!.thaw()
    await isCertifiedInTheEnd(0, trade)
    await household.receipt(clientOf(3), trade)
    await household.areKept()
    await household.arePaid()
  }, 90_000)
})

describe('a member whose clock is 24 h wrong', () => {
  it('P2: does not vote, and says why', async () => {
    const member = committee.members[3]!
    await member.kill()
    member.advanceClock(dayMs)
    await committee.start(3, { clockTolerance: '10m' })
    const { clockSkewSeconds = 0 } = await notVotingFor(3, 'node/clock-skewed')
    expect(Math.abs(clockSkewSeconds * 1_000 - dayMs)).toBeLessThan(600_000)
    const trade = await household.sign()
    const skewed = expect.objectContaining({ code: 'node/clock-skewed' })
    await expect(household.submit(member.client, trade)).rejects.toEqual(skewed)
    // The others have a quorum; without one of them there is none.
    await household.submit(clientOf(0), trade)
    await committee.members[2]!.kill()
    const next = await household.sign()
    await expect(household.submit(clientOf(0), next)).rejects.toEqual(tooFew)
    await member.kill()
    member.advanceClock(-dayMs)
    await committee.heal()
    await isCertifiedInTheEnd(0, next)
    await household.areKept()
  }, 90_000)
})
