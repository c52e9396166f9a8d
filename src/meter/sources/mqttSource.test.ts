import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer as createTlsServer } from 'node:tls'
import { afterEach, describe, expect, it } from 'vitest'
import { type MqttBrokerOptions, startMqttBroker } from '../../simulator/devices/mqttBroker.ts'
import { listenTo, ManualEnvironment } from './recordingListener.cases.ts'
import { openSource } from './sourceRegistry.ts'
import { testCertificate, testCertificateKey } from './testCertificate.cases.ts'

const endings: (() => Promise<void> | void)[] = []
afterEach(async () => {
  for (const end of endings.splice(0).reverse()) await end()
})

async function startBroker(options: MqttBrokerOptions = {}) {
  const broker = await startMqttBroker(options)
  endings.push(() => broker.close())
  return broker
}

function listen(spec: string, environment = new ManualEnvironment()) {
  const source = openSource(spec, environment)
  endings.push(() => source.close())
  return { source, environment, listener: listenTo(source) }
}

const registers = { importWh: 1_234_567, exportWh: 1, timeSeconds: 1_780_000_000 }
const topic = 'tele/meter/SENSOR'

describe('an MQTT source', () => {
  it('reads what is published, from a retained message with its own time on', async () => {
    const broker = await startBroker()
    await broker.set(registers)
    const { listener, source } = listen(broker.spec)
    expect(source.name).toBe(`mqtt://127.0.0.1:${broker.port}/${topic}`)
    await listener.until(() => listener.readings.length === 1)
    await broker.set({ ...registers, importWh: 1_234_568 })
    await listener.until(() => listener.readings.length === 2)
    expect(listener.readings).toEqual(
      [registers, { ...registers, importWh: 1_234_568 }].map(
        ({ importWh, exportWh, timeSeconds }) => ({ timeSeconds, importWh, exportWh }),
      ),
    )
    expect(listener.kinds).toEqual(['connecting', 'live'])
  })

  it('does not use a retained message of unknown age, and counts it', async () => {
    const broker = await startBroker()
    await broker.publish('plain', '5', true)
    const { listener } = listen(`mqtt://127.0.0.1:${broker.port}/plain?import=$&unit=kWh`)
    await listener.until(() => listener.refused.length === 1)
    await broker.publish('plain', '6', true)
    await listener.until(() => listener.readings.length === 1)
    expect(listener.refusedCodes).toEqual(['source/retained'])
    expect(listener.readings).toEqual([{ timeSeconds: 1_700_000_000, importWh: 6000 }])
  })

  it('refuses messages that are wrong or too large, and reads on', async () => {
    const broker = await startBroker()
    const { listener } = listen(broker.spec)
    await broker.followed(topic)
    await broker.publish(topic, 'ON')
    await broker.publish(topic, '{"Time":"2026-05-04T12:00:00"}')
    await broker.publish(topic, Buffer.alloc(65_537, 0x20))
    await broker.set(registers)
    await listener.until(() => listener.readings.length === 1)
    expect(listener.refusedCodes).toEqual(['source/payload', 'source/no-value', 'source/too-large'])
    expect(listener.kinds).toEqual(['connecting', 'live'])
  })

  it('cuts a packet without measure off', async () => {
    const broker = await startBroker()
    const { listener } = listen(broker.spec)
    await broker.followed(topic)
    await broker.publish(topic, Buffer.alloc(200_000, 0x20))
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/too-large')
    expect(listener.refused).toEqual([])
  })

  it.each([
    ['a message of QoS 2, for which it never asked', [0x34, 6, 0, 1, 0x74, 0, 1, 0x37]],
    ['what is no packet', [0x91, 0]],
  ])('leaves a broker that sends %s', async (_, packet) => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.once('data', () => {
        socket.write(Buffer.from([0x20, 2, 0, 0]))
        socket.once('data', () => socket.write(Buffer.from(packet)))
      })
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => void server.close())
    const { port } = server.address() as { port: number }
    const { listener } = listen(`mqtt://127.0.0.1:${port}/t?import=$&unit=Wh`)
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/lost')
    expect(listener.readings).toEqual([])
  })

  it('says that the broker is gone, and comes back', async () => {
    const broker = await startBroker()
    await broker.set(registers)
    const { listener, environment } = listen(broker.spec)
    await listener.until(() => listener.readings.length === 1)
    broker.drop()
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/lost')
    environment.fireNext()
    await listener.until(() => listener.readings.length === 2)
    expect(listener.kinds).toEqual(['connecting', 'live', 'waiting', 'live'])
  })

  it('says that there is no broker', async () => {
    const broker = await startMqttBroker()
    await broker.close()
    const { listener, environment } = listen(broker.spec)
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.states.at(-1)).toMatchObject({
      cause: { code: 'source/unreachable', meta: { reason: 'ECONNREFUSED' } },
      retryAtMs: environment.timeMs + 1000,
    })
  })

  it('says that what answers is no broker, or not over TLS', async () => {
    const server = createServer((socket) => {
      socket.on('error', () => undefined)
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => void server.close())
    const { port } = server.address() as { port: number }
    for (const kind of ['mqtt', 'mqtts']) {
      const { listener } = listen(`${kind}://127.0.0.1:${port}/t?import=$&unit=Wh`)
      await listener.until(() => listener.kinds.includes('waiting'))
      expect(listener.cause).toMatch(/^source\/(unreachable|lost)$/)
    }
  })

  it('is quiet once closed, whether connected or not', async () => {
    const broker = await startBroker()
    await broker.set(registers)
    const early = listen(broker.spec)
    await early.source.close()
    expect(early.listener.kinds).toEqual(['connecting'])
    const late = listen(broker.spec)
    await late.listener.until(() => late.listener.readings.length === 1)
    await late.source.close()
    await broker.set(registers)
    expect(late.listener.readings).toHaveLength(1)
    expect(late.listener.kinds).toEqual(['connecting', 'live'])
  })
})

describe('an MQTT source with a password', () => {
  const login = { user: 'meter', password: 'p@ss/w?rd%' }
  const written = encodeURIComponent(login.password)
  const specOf = (port: number, user: string) =>
    `mqtt://${user}127.0.0.1:${port}/t?import=$&unit=Wh`

  it.each([
    ['in the source', `meter:${written}@`, undefined],
    ['in SPB_MQTT_PASSWORD', 'meter@', login.password],
    ['in the source before the one in SPB_MQTT_PASSWORD', `meter:${written}@`, 'other'],
  ])('takes it where it stands %s', async (_, user, variable) => {
    const broker = await startBroker({ login })
    const environment = new ManualEnvironment()
    environment.env.SPB_MQTT_PASSWORD = variable
    const { listener } = listen(specOf(broker.port, user), environment)
    await broker.followed('t')
    await broker.publish('t', '7')
    await listener.until(() => listener.readings.length === 1)
  })

  it.each(['', 'meter@', 'meter:wrong@', `other:${written}@`])(
    'says that the broker refuses %j, and never what was tried',
    async (user) => {
      const broker = await startBroker({ login })
      const { listener, source } = listen(specOf(broker.port, user))
      await listener.until(() => listener.kinds.includes('waiting'))
      expect(listener.cause).toBe('source/not-authorised')
      expect(source.name).toBe(`mqtt://127.0.0.1:${broker.port}/t`)
      const told = JSON.stringify([source.name, listener.states, listener.refused])
      for (const secret of ['meter', 'wrong', written, login.password]) {
        expect(told).not.toContain(secret)
      }
    },
  )

  it('says that the broker refuses the topic', async () => {
    const broker = await startBroker({ closedTopics: ['t'] })
    const { listener } = listen(specOf(broker.port, ''))
    await listener.until(() => listener.kinds.includes('waiting'))
    expect(listener.cause).toBe('source/not-authorised')
  })
})

describe('an MQTT source over TLS', () => {
  /** A port that hands on to a broker what comes over TLS. */
  async function startTlsPort(brokerPort: number): Promise<number> {
    const credentials = { cert: testCertificate, key: testCertificateKey }
    const server = createTlsServer(credentials, (socket) => {
      const inner = connect(brokerPort, '127.0.0.1')
      for (const each of [socket, inner]) each.on('error', () => undefined)
      socket.pipe(inner).pipe(socket)
    })
    server.on('tlsClientError', () => undefined)
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    endings.push(() => void server.close())
    return (server.address() as { port: number }).port
  }

  function writeCertificate(text: string): ManualEnvironment {
    const folder = mkdtempSync(join(tmpdir(), 'spb-mqtt-'))
    endings.push(() => rmSync(folder, { recursive: true }))
    writeFileSync(join(folder, 'ca.pem'), text)
    return new ManualEnvironment(folder)
  }

  it('trusts the certificate that it is told to', async () => {
    const broker = await startBroker()
    await broker.set(registers)
    const port = await startTlsPort(broker.port)
    const spec = broker.spec.replace('mqtt:', 'mqtts:').replace(`${broker.port}`, `${port}`)
    const { listener } = listen(`${spec}&ca=ca.pem`, writeCertificate(testCertificate))
    await listener.until(() => listener.readings.length === 1)
  })

  it.each([
    ['127.0.0.1', '', 'DEPTH_ZERO_SELF_SIGNED_CERT'],
    ['localhost', '&ca=ca.pem', 'ERR_TLS_CERT_ALTNAME_INVALID'],
  ])(
    'says that the certificate of %s%s is not trusted, and what to do',
    async (host, ca, reason) => {
      const port = await startTlsPort((await startBroker()).port)
      const spec = `mqtts://meter:secret@${host}:${port}/t?import=$&unit=Wh${ca}`
      const { listener } = listen(spec, writeCertificate(testCertificate))
      await listener.until(() => listener.kinds.includes('waiting'))
      expect(listener.states.at(-1)).toMatchObject({
        cause: { code: 'source/unreachable', meta: { reason } },
      })
      const told = JSON.stringify(listener.states)
      expect(told).toContain('ca=FILE')
      expect(told).not.toContain('secret')
    },
  )

  it('refuses a file of certificates without any', () => {
    const spec = 'mqtts://127.0.0.1/t?import=$&unit=Wh&ca=ca.pem'
    expect(() => openSource(spec, writeCertificate('0\x82'))).toThrow(
      expect.objectContaining({ code: 'source/option' }),
    )
  })
})
