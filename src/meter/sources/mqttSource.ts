import { resolve } from 'node:path'
import { readText } from '../profiles/readProfiles.ts'
import { createTimeParser } from '../profiles/timeParser.ts'
import { attemptReading } from './attemptReading.ts'
import { energyUnits } from './decimalWh.ts'
import { parseJsonPath } from './jsonPath.ts'
import { type ConnectionEvents, keepConnected } from './keepConnected.ts'
import { type MqttTarget, openMqtt } from './mqttConnection.ts'
import { type MqttFields, readMqttMessage } from './mqttMessage.ts'
import type { ReadingSource, SourceEnvironment, SourceListener } from './readingSource.ts'
import { sourceLimits } from './sourceLimits.ts'
import {
  decodePart,
  formatHostAndPort,
  parseHostAndPort,
  readChoice,
  readOptions,
  refuseSpec,
  requireOption,
  type SourceSpec,
} from './sourceSpec.ts'

const optionNames = ['import', 'export', 'time', 'zone', 'serial', 'unit', 'ca'] as const
const [mqttPort, mqttsPort] = [1883, 8883]
const longestTopic = 1_024

/**
 * A topic of an MQTT broker: `mqtt://[USER@]HOST:PORT/TOPIC?import=$.ENERGY.Total&unit=kWh`; mqtts
 * for TLS. The password comes from SPB_MQTT_PASSWORD, or stands behind the user.
 *
 * Throws `source/option`, `profile/time` for an unknown zone, `file/unreadable` for `ca`.
 */
export function openMqttSource(spec: SourceSpec, environment: SourceEnvironment): ReadingSource {
  const target = readTarget(spec, environment)
  const options = readOptions(spec, optionNames)
  const pathOf = (name: 'import' | 'export' | 'time' | 'serial') => {
    const text = options[name]
    return text === undefined ? {} : { [name]: parseJsonPath(text, name) }
  }
  const importText = requireOption(options.import, 'import', '$.ENERGY.Total')
  const fields: MqttFields = {
    ...{ ...pathOf('export'), ...pathOf('time'), ...pathOf('serial') },
    import: parseJsonPath(importText, 'import'),
    unit: readChoice(requireOption(options.unit, 'unit', 'kWh'), 'unit', energyUnits),
    parseTime: createTimeParser(options.zone),
  }
  if (options.ca !== undefined) {
    if (!target.isSecure) throw refuseSpec('The option ca is for mqtts.')
    const path = resolve(environment.cwd, options.ca)
    target.certificates = readText(path, sourceLimits.certificateFileBytes)
    if (!target.certificates.includes('-----BEGIN CERTIFICATE-----')) {
      throw refuseSpec('The file of the option ca has no certificate in PEM.')
    }
  }
  let kept: { close(): Promise<void> } | undefined
  return {
    name: `${spec.kind}://${formatHostAndPort(target)}/${target.topic}`,
    start(listener) {
      kept = keepConnected(
        environment,
        (state) => listener.onState(state),
        (events) => followTopic(target, fields, { environment, listener, events }),
      )
    },
    async close() {
      await kept?.close()
    },
  }
}

function readTarget(spec: SourceSpec, { env }: SourceEnvironment): MqttTarget {
  const [, authority = '', rawTopic = ''] = /^\/\/([^/]*)\/(.+)$/s.exec(spec.place) ?? []
  // A password with a slash in it would else be taken, and shown, as part of the topic.
  if (authority === '' || rawTopic.includes('@')) {
    throw refuseSpec(
      'The source does not say broker and topic.',
      'Write mqtt://HOST:PORT/TOPIC; in user, password and topic %40 for @ and %2F for /.',
    )
  }
  const at = authority.lastIndexOf('@')
  const isSecure = spec.kind === 'mqtts'
  const to = parseHostAndPort(authority.slice(at + 1), isSecure ? mqttsPort : mqttPort)
  const topic = decodePart(rawTopic)
  if (topic.length > longestTopic || /[#+]/.test(topic)) {
    throw refuseSpec(
      'The topic has a wildcard, or is too long.',
      'Name the topic of one meter: readings of several would be mixed up.',
    )
  }
  const [user = '', ...password] = at < 0 ? [] : authority.slice(0, at).split(':')
  if (user === '') return { ...to, isSecure, topic }
  const secret = password.length > 0 ? decodePart(password.join(':')) : env.SPB_MQTT_PASSWORD
  const login = { ...to, isSecure, topic, user: decodePart(user) }
  return secret === undefined ? login : { ...login, password: secret }
}

function followTopic(
  target: MqttTarget,
  fields: MqttFields,
  parts: { environment: SourceEnvironment; listener: SourceListener; events: ConnectionEvents },
): { close(): Promise<void> } {
  const { environment, listener, events } = parts
  return openMqtt(target, {
    onMessage(payload, isRetained) {
      const message = { payload, isRetained, atMs: environment.nowMs() }
      const reading = attemptReading(
        () => readMqttMessage(message, fields),
        (error) => listener.onRefused(error),
      )
      if (reading === undefined) return
      events.onGood()
      listener.onReading(reading)
    },
    onLost: (cause) => events.onLost(cause),
  })
}
