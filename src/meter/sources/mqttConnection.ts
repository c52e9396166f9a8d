import { connect, isIP } from 'node:net'
import { connect as connectSecurely } from 'node:tls'
import type { MqttClient } from 'mqtt'
import { SpbError } from '../../protocol/spbError.ts'
import { refuseConnection, reportLost } from './connectionFailure.ts'
import { createMqttPacketGuard } from './mqttPacketGuard.ts'
import { sourceLimits } from './sourceLimits.ts'
import { formatHostAndPort, type HostAndPort } from './sourceSpec.ts'

/** A broker, who is asked, and for what. */
export type MqttTarget = HostAndPort & {
  isSecure: boolean
  topic: string
  user?: string
  password?: string
  /** Certificates in PEM that are trusted instead of the system's. */
  certificates?: string
}

/** What a connection to a broker tells. */
export type MqttEvents = {
  onMessage(payload: Uint8Array, isRetained: boolean): void
  /** Once, at its end; not after `close`. */
  onLost(cause: SpbError): void
}

const keepAliveSeconds = 30
/** Bad user or password, not authorised (MQTT 3.1.1, section 3.2.2.3). */
const refusedLogins = [4, 5]

/**
 * Connects to a broker and subscribes to one topic, QoS 1, in a clean session. One attempt: whoever
 * calls decides about the next one.
 *
 * Loses it with `source/unreachable`, `source/not-authorised`, `source/too-large`, `source/lost`.
 */
export function openMqtt(target: MqttTarget, events: MqttEvents): { close(): Promise<void> } {
  let isOver = false
  let ending: Promise<void> | undefined
  let client: MqttClient | undefined
  const end = () => {
    isOver = true
    ending ??= client?.endAsync(true).catch(() => undefined)
    return ending
  }
  const lose = (cause: SpbError) => {
    if (isOver) return
    void end()
    events.onLost(cause)
  }
  const opening = createClient(target, lose).then((created) => {
    client = created
    if (isOver) return end()
    created.on('message', (_topic, payload, { retain }) => {
      if (!isOver) events.onMessage(payload, retain)
    })
    return undefined
  })
  return {
    async close() {
      isOver = true
      await opening
      await end()
    },
  }
}

async function createClient(
  target: MqttTarget,
  lose: (cause: SpbError) => void,
): Promise<MqttClient> {
  const library = await import('mqtt')
  const place = formatHostAndPort(target)
  let isConnected = false
  const client = new library.MqttClient(() => openStream(target, place, lose), {
    clean: true,
    reconnectPeriod: 0,
    resubscribe: false,
    connectTimeout: sourceLimits.connectMs,
    keepalive: keepAliveSeconds,
    protocolId: 'MQTT',
    protocolVersion: 4,
    ...(target.user === undefined ? {} : { username: target.user }),
    ...(target.password === undefined ? {} : { password: target.password }),
  })
  const fail = (error?: unknown) => {
    lose(isConnected ? reportLost(place, error) : refuseConnection(place, error))
  }
  client.on('close', () => fail())
  // The library reads on after what is no packet, from wherever it is.
  client.on('error', (error) => {
    const { code } = error as { code?: unknown }
    if (isConnected || typeof code !== 'number' || !refusedLogins.includes(code)) fail(error)
    else lose(new SpbError('source/not-authorised', `${place} refuses the user or the password.`))
  })
  client.on('packetreceive', (packet) => {
    if (packet.cmd !== 'publish' || packet.qos !== 2) return
    // The library would keep it, and 65,535 of them, until the broker lets go of them.
    const message = `${place} sends a message of QoS 2, which was not asked for.`
    lose(new SpbError('source/lost', message))
  })
  client.on('connect', () => {
    isConnected = true
    client.subscribe(target.topic, { qos: 1 }, (error, granted = []) => {
      const isRefused = granted.some(({ qos }) => qos > 2)
      if (!error && !isRefused) return
      const isSuback = isRefused || /suback|Subscribe error/i.test(error?.message ?? '')
      const message = `${place} refuses the topic.`
      lose(isSuback ? new SpbError('source/not-authorised', message) : reportLost(place, error))
    })
  })
  return client
}

/** The socket under the client: its failures are told, and packets without measure cut it. */
function openStream(target: MqttTarget, place: string, lose: (cause: SpbError) => void) {
  const { host, port } = target
  const socket = target.isSecure
    ? connectSecurely({
        ...{ host, port },
        ...(isIP(host) === 0 ? { servername: host } : {}),
        ...(target.certificates === undefined ? {} : { ca: target.certificates }),
      })
    : connect({ host, port })
  let hasBegun = false
  socket.once(target.isSecure ? 'secureConnect' : 'connect', () => {
    hasBegun = true
  })
  socket.on('error', (error) => {
    lose(hasBegun ? reportLost(place, error) : refuseConnection(place, error))
  })
  const guard = createMqttPacketGuard()
  socket.on('data', (chunk) => {
    if (guard.accepts(chunk)) return
    const message = `${place} sends a packet of more than ${sourceLimits.packetBytes} bytes.`
    lose(new SpbError('source/too-large', message))
    socket.destroy()
  })
  return socket
}
