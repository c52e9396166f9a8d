import { randomBytes, timingSafeEqual } from 'node:crypto'
import { rmSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import fastify from 'fastify'
import { replaceFile } from '../../adapters/meter/replaceFile.ts'
import { describeError, toSpbError } from '../../api/requestErrors.ts'
import { parseStrictJson } from '../../api/strictJson.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type MeterCallName, type MeterCalls, meterCallCodecs } from './meterCalls.ts'

/** What a running meter answers the household's own programs. */
export type MeterCallHandlers = {
  [Name in MeterCallName]: (
    question: MeterCalls[Name][0],
  ) => MeterCalls[Name][1] | Promise<MeterCalls[Name][1]>
}

/** A server for the household's own programs. */
export type MeterAgent = { url: string; close(): Promise<void> }

const bodyBytes = 65_536
const jsonDepth = 16
const tokenBytes = 24
/** The household's own programs are few and near; others on this computer shall not fill it up. */
const connections = 64
const requestTimeoutMs = 10_000

function createGuard(token: string): (authorization: string | undefined) => void {
  const expected = Buffer.from(`Basic ${Buffer.from(`meter:${token}`).toString('base64')}`)
  return (authorization) => {
    const given = Buffer.from(authorization ?? '')
    if (given.length === expected.length && timingSafeEqual(given, expected)) return
    throw new SpbError('meter/locked', 'Only its own household may ask a running meter.')
  }
}

function createApp(handlers: MeterCallHandlers, check: ReturnType<typeof createGuard>) {
  const app = fastify({
    ...{ bodyLimit: bodyBytes, requestTimeout: requestTimeoutMs },
    forceCloseConnections: true,
  })
  app.server.maxConnections = connections
  app.removeAllContentTypeParsers()
  app.addContentTypeParser(
    'application/json',
    { parseAs: 'string' },
    async (_: unknown, body: string) => parseStrictJson(body, jsonDepth),
  )
  app.addHook('onRequest', async ({ headers }) => check(headers.authorization))
  app.setErrorHandler((error, _request, reply) => {
    const { status, body } = describeError(toSpbError(error))
    return reply.code(status).send(body)
  })
  app.setNotFoundHandler(() => {
    throw new SpbError('node/not-found')
  })
  for (const name of Object.keys(meterCallCodecs) as MeterCallName[]) {
    const { question, answer } = meterCallCodecs[name]
    const handle = handlers[name] as (asked: unknown) => unknown
    app.post(`/v1/${name}`, async ({ body }) => {
      return answer.encode((await handle(question.decode(body, name as never))) as never)
    })
  }
  return app
}

/**
 * Serves a running meter's household on loopback. Address and password stand in a file that only
 * its owner can read, since whoever asks may use up keys.
 */
export async function startMeterAgent(
  runPath: string,
  handlers: MeterCallHandlers,
): Promise<MeterAgent> {
  const token = randomBytes(tokenBytes).toString('hex')
  const app = createApp(handlers, createGuard(token))
  await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  try {
    const url = `http://meter:${token}@127.0.0.1:${port}`
    replaceFile(runPath, `${JSON.stringify({ url, processId: process.pid })}\n`)
  } catch (cause) {
    await app.close()
    throw new SpbError('store/failed', 'The meter’s folder cannot be written.', { cause })
  }
  return {
    url: `http://127.0.0.1:${port}`,
    async close() {
      rmSync(runPath, { force: true })
      await app.close()
    },
  }
}
