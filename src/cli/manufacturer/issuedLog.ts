import {
  closeSync,
  fstatSync,
  fsyncSync,
  openSync,
  readFileSync,
  readSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { recoverManufacturer, type SignedMeterCertificate } from '../../meter/manufacturer.ts'
import type { Address } from '../../protocol/bytes.ts'
import { decodeAddress, decodeNumber, decodeObject } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'
import { decodeCertificate, encodeCertificate } from './certificateFile.ts'

/** A certificate that a manufacturer gave out. */
export type IssuedCertificate = SignedMeterCertificate & {
  manufacturer: Address
  issuedAtSeconds: Seconds
}

/** All that was given out, oldest first, and which lines of the file (from 1) are damaged. */
export type IssuedLog = { issued: IssuedCertificate[]; damagedLines: number[] }

const lineFeed = 0x0a

/** Where a manufacturer keeps what it gave out: a JSON object a line. */
export function issuedLogPath({ node }: DataFolder): string {
  return join(node, 'issued.jsonl')
}

/** After a crash the file may end within a line, which must not swallow the next one. */
function isWithinLine(file: number): boolean {
  const { size } = fstatSync(file)
  const last = Buffer.alloc(1)
  return size > 0 && readSync(file, last, 0, 1, size - 1) === 1 && last[0] !== lineFeed
}

function appendLine(path: string, line: string): void {
  const file = openSync(path, 'a+', 0o600)
  try {
    const bytes = Buffer.from(`${isWithinLine(file) ? '\n' : ''}${line}\n`)
    let written = 0
    while (written < bytes.length) written += writeSync(file, bytes, written)
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
}

/** Keeps a certificate for good, before it is given out. Throws `store/failed`. */
export function appendIssued(folder: DataFolder, issued: IssuedCertificate): void {
  const { manufacturer, issuedAtSeconds } = issued
  makeFolder(folder.node)
  const path = issuedLogPath(folder)
  try {
    const line = { issuedAtSeconds, manufacturer, ...encodeCertificate(issued) }
    appendLine(path, JSON.stringify(line))
  } catch (cause) {
    throw new SpbError('store/failed', `The file ${path} cannot be written.`, { cause })
  }
}

function decodeIssued(line: string): IssuedCertificate {
  const fields = ['issuedAtSeconds', 'manufacturer', 'certificate', 'manufacturerSignature']
  const object = decodeObject(JSON.parse(line), fields, 'line')
  const { issuedAtSeconds, manufacturer, ...signed } = object
  const issued = {
    ...decodeCertificate(signed),
    manufacturer: decodeAddress(manufacturer, 'manufacturer'),
    issuedAtSeconds: seconds(decodeNumber(issuedAtSeconds, maxUint40, 'issuedAtSeconds')),
  }
  if (recoverManufacturer(issued) !== issued.manufacturer) throw new SpbError('signature/invalid')
  return issued
}

function readText(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw new SpbError('store/failed', `The file ${path} cannot be read.`, { cause })
  }
}

/** Reads what was given out; damaged lines are counted and left as they are. */
export function readIssued(folder: DataFolder): IssuedLog {
  const log: IssuedLog = { issued: [], damagedLines: [] }
  for (const [index, line] of readText(issuedLogPath(folder)).split('\n').entries()) {
    if (line.trim() === '') continue
    try {
      log.issued.push(decodeIssued(line))
    } catch {
      log.damagedLines.push(index + 1)
    }
  }
  return log
}
