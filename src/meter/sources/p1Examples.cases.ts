import { sealP1Telegram } from '../../simulator/devices/p1TelegramText.ts'

/** A telegram of a standard, written from its list of fields, and what it says. */
export type P1Example = {
  name: string
  text: string
  importWh: number
  exportWh: number | undefined
  timeSeconds: number | undefined
  serial: string
  isChecked: boolean
}

const lines = (...all: string[]): string => `${all.join('\r\n')}\r\n`
const utc = (text: string): number => Date.parse(text) / 1000

/** DSMR 2.2: no version, no time, no CRC; the gas meter’s value stands on a line of its own. */
const dsmr22: P1Example = {
  name: 'DSMR 2.2',
  text: lines(
    '/XYZ5\\2TEST22-0001',
    '',
    '0-0:96.1.1(4D455445522D32322D3030303137)',
    '1-0:1.8.1(00210.204*kWh)',
    '1-0:1.8.2(00151.262*kWh)',
    '1-0:2.8.1(00000.017*kWh)',
    '1-0:2.8.2(00004.003*kWh)',
    '0-0:96.14.0(0002)',
    '1-0:1.7.0(0000.54*kW)',
    '1-0:2.7.0(0000.00*kW)',
    '0-0:17.0.0(999*A)',
    '0-0:96.3.10(1)',
    '0-0:96.13.1()',
    '0-0:96.13.0()',
    '0-1:24.1.0(3)',
    '0-1:96.1.0(4741532D303031)',
    '0-1:24.3.0(110403140000)(000008)(60)(1)(0-1:24.2.1)(m3)',
    '(00103.781)',
    '0-1:24.4.0(1)',
    '!',
  ),
  importWh: 361_466,
  exportWh: 4_020,
  timeSeconds: undefined,
  serial: 'METER-22-00017',
  isChecked: false,
}

/** DSMR 3: as 2.2, registers with more digits, LF alone as some adapters send it. */
const dsmr3: P1Example = {
  name: 'DSMR 3 with LF',
  text: [
    '/ABC5TEST-30',
    '',
    '0-0:96.1.1(3330303030303031)',
    '1-0:1.8.1(012345.678*kWh)',
    '1-0:1.8.2(000000.000*kWh)',
    '0-0:96.14.0(0001)',
    '1-0:1.7.0(001.19*kW)',
    '0-0:96.13.0(303132333435)',
    '!',
    '',
  ].join('\n'),
  importWh: 12_345_678,
  exportWh: undefined,
  timeSeconds: undefined,
  serial: '30000001',
  isChecked: false,
}

/** DSMR 4.2: version, time, power failures, gas with its own time. */
const dsmr42: P1Example = {
  name: 'DSMR 4.2',
  text: sealP1Telegram([
    '/KLM4TEST-42',
    '',
    '1-3:0.2.8(42)',
    '0-0:1.0.0(140715083512S)',
    '0-0:96.1.1(53455249414C2D3432)',
    '1-0:1.8.1(000098.001*kWh)',
    '1-0:1.8.2(000102.999*kWh)',
    '1-0:2.8.1(000000.000*kWh)',
    '1-0:2.8.2(000000.001*kWh)',
    '0-0:96.14.0(0002)',
    '1-0:1.7.0(00.233*kW)',
    '0-0:96.7.21(00007)',
    '1-0:99.97.0(1)(0-0:96.7.19)(140101120000W)(0000000301*s)',
    '1-0:32.32.0(00000)',
    '0-0:96.13.1()',
    '0-1:24.1.0(003)',
    '0-1:96.1.0(4741532D3432)',
    '0-1:24.2.1(140715080000S)(00021.900*m3)',
  ]),
  importWh: 201_000,
  exportWh: 1,
  timeSeconds: utc('2014-07-15T06:35:12Z'),
  serial: 'SERIAL-42',
  isChecked: true,
}

/** DSMR 5.0: winter time, a long text message. */
const dsmr50: P1Example = {
  name: 'DSMR 5.0',
  text: sealP1Telegram([
    '/XYZ5\\2TEST-50',
    '',
    '1-3:0.2.8(50)',
    '0-0:1.0.0(201231235959W)',
    '0-0:96.1.1(45303035303030303031)',
    '1-0:1.8.1(004567.123*kWh)',
    '1-0:1.8.2(005432.877*kWh)',
    '1-0:2.8.1(001000.000*kWh)',
    '1-0:2.8.2(002000.500*kWh)',
    '0-0:96.14.0(0001)',
    '1-0:1.7.0(00.000*kW)',
    '1-0:2.7.0(01.100*kW)',
    '1-0:32.7.0(231.0*V)',
    '1-0:31.7.0(005*A)',
    `0-0:96.13.0(${'48414C4C4F'.repeat(100)})`,
  ]),
  importWh: 10_000_000,
  exportWh: 3_000_500,
  timeSeconds: utc('2020-12-31T22:59:59Z'),
  serial: 'E005000001',
  isChecked: true,
}

/** e-MUCS (Belgium): a version of its own, a gas meter’s serial number beside the meter’s. */
const emucs: P1Example = {
  name: 'e-MUCS',
  text: sealP1Telegram([
    '/FGH5\\100000001_A',
    '',
    '0-0:96.1.4(50217)',
    '0-0:96.1.1(3153414731313030303030303031)',
    '0-0:96.1.2(353431343430303030303030303030303031)',
    '0-0:1.0.0(240328101500W)',
    '1-0:1.8.1(000321.100*kWh)',
    '1-0:1.8.2(000123.020*kWh)',
    '1-0:2.8.1(000020.003*kWh)',
    '1-0:2.8.2(000010.000*kWh)',
    '0-0:96.14.0(0001)',
    '1-0:1.4.0(02.351*kW)',
    '1-0:1.6.0(240302183000W)(04.329*kW)',
    '0-0:98.1.0(1)(1-0:1.6.0)(1-0:1.6.0)(240301000000W)(240215183000W)(03.500*kW)',
    '0-1:24.1.0(003)',
    '0-1:96.1.1(37464C4F3231323030303030303031)',
    '0-1:24.2.3(240328101000W)(00112.384*m3)',
  ]),
  importWh: 444_120,
  exportWh: 30_003,
  timeSeconds: utc('2024-03-28T09:15:00Z'),
  serial: '1SAG1100000001',
  isChecked: true,
}

/** ESMR 5 of a meter with one register for all tariffs, in Wh, its serial number in plain text. */
const esmr: P1Example = {
  name: 'ESMR 5, one register in Wh',
  text: sealP1Telegram([
    '/NOP5TEST-ESMR',
    '',
    '1-3:0.2.8(50)',
    '0-0:1.0.0(250601000000S)',
    '0-0:96.1.1(SM-0001 B)',
    '1-0:1.8.0*255(000012345678*Wh)',
    '1-0:2.8.0*255(0.0009*MWh)',
    '1-0:1.7.0(00.012*kW)',
  ]),
  importWh: 12_345_678,
  exportWh: 900,
  timeSeconds: utc('2025-05-31T22:00:00Z'),
  serial: 'SM-0001 B',
  isChecked: true,
}

/** One telegram of each standard. */
export const p1Examples: readonly P1Example[] = [dsmr22, dsmr3, dsmr42, dsmr50, emucs, esmr]

/** A telegram of DSMR 5 with lines of a test’s own, sealed. */
export function makeP1Telegram(...own: string[]): string {
  return sealP1Telegram(['/TST5TEST', '', '1-3:0.2.8(50)', ...own])
}

/** A frame as meters in Luxembourg and Austria send it: a ciphered DLMS message. */
export const cipheredFrame = Uint8Array.from([
  ...[0xdb, 0x08, 0x54, 0x53, 0x54, 0x01, 0x02, 0x03, 0x04, 0x05, 0x82, 0x00, 0x20, 0x30],
  ...Array.from({ length: 32 }, (_, at) => (at * 37) & 0xff),
])

/** An HDLC frame of so many bytes between its flags. */
export function makeHdlcFrame(length: number): Uint8Array {
  const inside = Array.from({ length: length - 2 }, (_, at) => (at * 11 + 1) & 0x7d)
  return Uint8Array.from([0x7e, 0xa0 | (length >> 8), length & 0xff, ...inside, 0x7e])
}
