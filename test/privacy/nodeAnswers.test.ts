import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type ApiServer, createApiServer } from '../../src/api/apiServer.ts'
import { createFakeNode, fakeEvidence, fakeSubmission } from '../../src/api/fakeNode.ts'
import { createNodeClient } from '../../src/sdk/nodeClient.ts'

let server: ApiServer

beforeAll(async () => {
  server = createApiServer({ node: createFakeNode(), port: 0 })
  await server.listen()
})
afterAll(() => server.close())

describe('a node’s answers', () => {
  it('tells whoever may ask a node the evidence of every CTP, and no network address', async () => {
    const household = createNodeClient({ url: server.url })
    const view = await household.submitCtp(fakeSubmission())
    const stranger = createNodeClient({ url: server.url })
    const listed = await stranger.ctps()
    expect(listed.map(({ ctpId }) => ctpId)).toEqual([view.ctpId])
    const dossier = await stranger.ctp(view.ctpId)
    expect(dossier).toMatchObject({ consumer: view.consumer, evidence: fakeEvidence })
    const answer = await fetch(`${server.url}/v1/ctps/${view.ctpId}`)
    const text = await answer.text()
    expect(text).toContain(fakeEvidence.coe.root)
    expect(text).not.toContain('127.0.0.1')
  })
})
