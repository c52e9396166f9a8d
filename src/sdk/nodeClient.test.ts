import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../api/apiServer.ts'
import {
  consumer,
  createFakeNode,
  type FakeNode,
  fakeMarket,
  fakeMeterKey,
  fakeSubmission,
  producer,
} from '../api/fakeNode.ts'
import { ctpIdOf, digestOf } from '../protocol/digest.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wh } from '../protocol/units.ts'
import type { CtpFilter, OfferFilter } from '../protocol/views.ts'
import { signErc } from './householdSignatures.ts'
import { createNodeClient, type NodeClient } from './nodeClient.ts'

let server: ApiServer
let node: FakeNode
let client: NodeClient

beforeAll(async () => {
  node = createFakeNode()
  server = createApiServer({ node, port: 0 })
  await server.listen()
  client = createNodeClient({ url: server.url })
})

afterAll(() => server.close())

const submission = fakeSubmission()
const ctpId = ctpIdOf(digestOf(fakeMarket, 'Ctp', submission.ctp), consumer)

describe('a node over HTTP answers as the node itself does', () => {
  it('on its market, status and totals', async () => {
    expect(client.url).toBe(server.url)
    expect(await client.market()).toEqual(node.market())
    expect(await client.status()).toEqual(node.status())
    expect(await client.totals()).toEqual(node.totals())
  })

  it('on a CTP, from its submission to its receipt and proof', async () => {
    const view = await client.submitCtp(submission)
    expect(node.submissions.at(-1)).toEqual(submission)
    expect(view).toEqual(node.ctps({})[0])
    expect(await client.submitCtp(submission)).toEqual(view)

    const erc = { ctpId, deliveredWh: wh(700), measuredAtSeconds: seconds(1_800_000_100) }
    const receipt = signErc(fakeMarket, erc, fakeMeterKey)
    const receipted = await client.submitErc(receipt)
    expect(receipted).toEqual({ ctp: node.ctps({})[0], excessWh: 0 })
    expect(receipted.ctp.paymentWei).toBe(70n)

    expect(await client.ctp(view.number)).toEqual(node.ctp(ctpId))
    expect(await client.ctp(ctpId)).toEqual(node.ctp(ctpId))
    expect((await client.ctp(ctpId)).receipt).toEqual(receipt)
    expect(await client.ctps()).toEqual(node.ctps({}))
    expect(await client.proof(ctpId)).toEqual(node.proof(ctpId))
    const absent = `0x${'ee'.repeat(32)}` as const
    expect(await client.proof(absent)).toEqual(node.proof(absent))
  })

  it('on accounts and offers', async () => {
    expect(await client.account(producer)).toEqual(node.account(producer))
    expect(await client.offers()).toEqual(node.offerList)
  })

  it('on a stuck nonce', async () => {
    const { ctp, consumerSignature } = fakeSubmission({ nonce: 9 })
    const certificate = await client.voidNonce({ ctp, consumerSignature })
    expect(certificate).toMatchObject({ epoch: 1, account: consumer, nonce: 9 })
    expect(node.voided.has(`${consumer} 9`)).toBe(true)
  })

  it('to whole filters', async () => {
    const asked: (CtpFilter | OfferFilter)[] = []
    const { ctps, offers } = node
    node.ctps = (filter) => {
      asked.push(filter)
      return []
    }
    node.offers = (filter) => {
      asked.push(filter)
      return []
    }
    const ctpFilter: CtpFilter = { account: consumer, state: 'held', afterNumber: 4, limit: 9 }
    const offerFilter: OfferFilter = {
      producer,
      belowWeiPerKwh: 2n ** 80n,
      atLeastWh: 5,
      isClosedIncluded: false,
      limit: 1,
    }
    await client.ctps(ctpFilter)
    await client.offers(offerFilter)
    Object.assign(node, { ctps, offers })
    expect(asked).toEqual([ctpFilter, offerFilter])
  })

  it('with the same errors', async () => {
    const failure = await client.ctp(4711).catch((error: unknown) => error)
    expect(failure).toBeInstanceOf(SpbError)
    expect(failure).toMatchObject({ code: 'ctp/unknown', hint: 'List yours: spb trades.' })
    const submitCtp = node.submitCtp
    node.submitCtp = async () => {
      throw new SpbError('offer/sold-out', 'Only 3 Wh are left.', { meta: { leftWh: 3 } })
    }
    const refused = client.submitCtp(submission)
    await expect(refused).rejects.toMatchObject({
      code: 'offer/sold-out',
      message: 'Only 3 Wh are left.',
      meta: { leftWh: 3 },
    })
    node.submitCtp = submitCtp
  })
})

describe('a node that is not one', () => {
  it('is told from a person’s mistake', async () => {
    const fetch = async () => new Response(JSON.stringify({ isVoting: 'yes' }))
    const other = createNodeClient({ url: 'http://127.0.0.1:1', fetch })
    await expect(other.status()).rejects.toMatchObject({
      code: 'node/bad-answer',
      message: expect.stringContaining('answer lacks memberAddress'),
    })
  })

  it('that does not answer is unreachable', async () => {
    const other = createApiServer({ node: createFakeNode(), port: 0 })
    await other.listen()
    const { url } = other
    await other.close()
    const gone = createNodeClient({ url, retryDelaysMs: [1] })
    await expect(gone.status()).rejects.toMatchObject({
      code: 'node/unreachable',
      message: `No node answers at ${url}.`,
    })
  })
})

describe('repeating', () => {
  it.each([
    ['a CTP', 3, (to: NodeClient) => to.submitCtp(submission)],
    [
      'a receipt',
      1,
      (to: NodeClient) =>
        to.submitErc({
          erc: { ctpId, deliveredWh: wh(1), measuredAtSeconds: seconds(1) },
          signature: submission.consumerSignature,
        }),
    ],
    ['a void', 1, (to: NodeClient) => to.voidNonce(submission)],
    ['a question', 3, (to: NodeClient) => to.totals()],
  ])('sends %s %i times where the network fails', async (_what, times, act) => {
    let tries = 0
    const fetch = async () => {
      tries++
      throw new TypeError('fetch failed')
    }
    const broken = createNodeClient({ url: 'http://127.0.0.1:1', fetch, retryDelaysMs: [1, 1] })
    await expect(act(broken)).rejects.toMatchObject({ code: 'node/unreachable' })
    expect(tries).toBe(times)
  })
})
