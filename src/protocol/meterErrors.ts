import { type ErrorRow, input, world } from './errorRow.ts'

/** Errors of sources of readings: what names them, carries them, and comes out of them. */
export const meterErrors = {
  // What a person types
  'source/unknown-kind': input(
    'This is not a kind of source.',
    'Write csv:…, p1:…, sunspec://… or mqtt://… as in docs/sources.md.',
  ),
  'source/option': input(
    'The source is not described as it must be.',
    'See its options and examples in docs/sources.md.',
  ),

  // The way to a meter
  'source/unreachable': world(
    'The source of readings cannot be reached.',
    'Check that it is on, its address, and the network.',
  ),
  'source/lost': world(
    'The connection to the source of readings ended.',
    'It is opened again by itself; check the network where this repeats.',
  ),
  'source/silent': world(
    'The source of readings says nothing.',
    'Check that the meter sends, that its port is switched on, and the cable.',
  ),
  'source/no-serial': world(
    'Serial devices cannot be used on this machine.',
    'Run npm ci, or reach the meter over TCP: p1:tcp://HOST:PORT.',
  ),
  'source/not-authorised': world(
    'The broker refuses the user, the password or the topic.',
    'Check the user in the source, SPB_MQTT_PASSWORD, and what the broker allows.',
  ),

  // P1 telegrams
  'source/bad-crc': input(
    'A telegram’s CRC is missing or wrong.',
    'Now and then is harmless; often means a bad cable or wrong serial settings.',
  ),
  'source/truncated': input(
    'A telegram is cut off.',
    'Once at the start is harmless; often means a bad cable.',
  ),
  'source/telegram': input(
    'A telegram is not understood.',
    'Check that the source is the P1 port of an electricity meter.',
  ),
  'source/noise': input(
    'What comes is not P1 telegrams.',
    'Check baud and format: 115200 8N1, or 9600 7E1 for DSMR 2 and 3.',
  ),
  'source/encrypted': input(
    'The meter sends encrypted or binary frames (DLMS).',
    'Put a decrypting P1 adapter in between; the grid operator gives you the key.',
  ),

  // What every protocol carries
  'source/time': input(
    'A reading’s time is not a time.',
    'Check the meter’s clock, and zone where the source takes one.',
  ),
  'source/value': input(
    'A register is not a number of Wh from 0 to 2^53 - 1.',
    'Check path, column and unit; a meter that starts up may say this for a moment.',
  ),
  'source/too-large': input(
    'A telegram or message is larger than allowed.',
    'Check that the source is the right one; its limits are in docs/limits.md.',
  ),
  'source/row': input('Rows of the file are not used.', 'The message says which, and why.'),

  // SunSpec
  'source/no-sunspec': world(
    'The device does not speak SunSpec.',
    'Switch SunSpec on in its settings, and check the unit: ?unit=1.',
  ),
  'source/no-model': world(
    'The device has no model of a meter or inverter that is understood.',
    'See the models in docs/sources.md.',
  ),
  'source/not-implemented': world(
    'The device does not count energy, or not yet.',
    'Choose another of its models: ?model=203.',
  ),
  'source/modbus-exception': world(
    'The device answered with a Modbus exception.',
    'The message says which; check the unit, and that the device is not busy.',
  ),
  'source/gateway': world(
    'The Modbus gateway does not reach the device behind it.',
    'Check the unit, and the wires between gateway and device.',
  ),

  // MQTT
  'source/payload': input(
    'A message is not JSON.',
    'Check the topic; for a topic that carries a plain number the path is $.',
  ),
  'source/no-value': input(
    'A message has no value at the path.',
    'Harmless where the topic also carries other messages; else check the path.',
  ),
  'source/retained': input(
    'A retained message without a time of its own may be of any age.',
    'Wait for the next one, or say where its time is: ?time=$.Time.',
  ),
} as const satisfies Record<string, ErrorRow>
