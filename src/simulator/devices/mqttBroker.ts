import { once } from 'node:events'
import { type AddressInfo, createServer, type Socket } from 'node:net'
import type { SimulatedMeter } from './simulatedMeter.ts'

/** What a simulated broker is like. */
export type MqttBrokerOptions = {
  topic?: string
  /** The only user that is let in; everybody where left out. */
  login?: { user: string; password: string }
  /** Topics that nobody may follow. */
  closedTopics?: readonly string[]
}

/** A broker with a meter that publishes through it. */
export type MqttBroker = SimulatedMeter & {
  publish(topic: string, payload: string | Uint8Array, isRetained?: boolean): Promise<void>
  /** Resolves when somebody follows a topic; at once where somebody does. */
  followed(topic: string): Promise<void>
  /** Cuts everybody off. */
  drop(): void
}

/**
 * Starts an MQTT broker on a free port of loopback, with a meter that publishes its registers in
 * the shape of Tasmota: kWh with three digits, and the time in UTC without a zone.
 */
export async function startMqttBroker(options: MqttBrokerOptions = {}): Promise<MqttBroker> {
  const { topic = 'tele/meter/SENSOR', login, closedTopics = [] } = options
  const { Aedes } = await import('aedes')
  const aedes = await Aedes.createBroker()
  if (login !== undefined) {
    aedes.authenticate = (_client, user, password, done) => {
      const isKnown = user === login.user && password?.toString() === login.password
      if (isKnown) done(null, true)
      else done(Object.assign(new Error('refused'), { returnCode: 5 }), null)
    }
  }
  aedes.authorizeSubscribe = (_client, subscription, done) => {
    done(null, closedTopics.includes(subscription.topic) ? null : subscription)
  }
  const followed = new Set<string>()
  aedes.on('subscribe', (subscriptions) => {
    for (const each of subscriptions) followed.add(each.topic)
    aedes.emit('followed')
  })
  const sockets = new Set<Socket>()
  const server = createServer((socket) => {
    sockets.add(socket)
    socket.on('error', () => undefined)
    socket.on('close', () => sockets.delete(socket))
    aedes.handle(socket)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const publish = (to: string, payload: string | Uint8Array, isRetained = false) =>
    new Promise<void>((resolve, reject) => {
      const packet = {
        ...{ cmd: 'publish' as const, qos: 1 as const, dup: false, retain: isRetained },
        ...{ topic: to, payload: Buffer.from(payload) },
      }
      aedes.publish(packet, (error) => (error ? reject(error) : resolve()))
    })
  const drop = () => {
    followed.clear()
    for (const socket of sockets) socket.destroy()
  }
  const paths = 'import=$.ENERGY.Total&export=$.ENERGY.ExportActive&unit=kWh&time=$.Time&zone=Z'
  return {
    port,
    spec: `mqtt://127.0.0.1:${port}/${topic}?${paths}`,
    publish,
    drop,
    async followed(wanted) {
      while (!followed.has(wanted)) await once(aedes, 'followed')
    },
    async set({ importWh, exportWh, timeSeconds }) {
      const energy = { Total: importWh / 1000, ExportActive: exportWh / 1000 }
      const time = new Date(timeSeconds * 1000).toISOString().slice(0, 19)
      await publish(topic, JSON.stringify({ Time: time, ENERGY: energy }), true)
    },
    async close() {
      server.close()
      await new Promise<void>((resolve) => aedes.close(() => resolve()))
      drop()
      if (server.listening) await once(server, 'close')
    },
  }
}
