import { createApiServer } from '../src/api/apiServer.ts'
import { createFakeNode, fakeSubmission } from '../src/api/fakeNode.ts'

// A node for benchmarks of those who ask one, in a process of its own: it keeps one CTP in memory,
// says where it answers, and ends with its standard input.
const node = createFakeNode()
const server = createApiServer({ node, port: 0, limits: { requestsPerSecond: 1_000_000 } })
await server.listen()
const { ctpId } = await node.submitCtp(fakeSubmission())
console.log(JSON.stringify({ url: server.url, ctpId }))
process.stdin.resume().once('end', () => server.close())
