import { resolve } from 'node:path'
import type { SignedMeterCertificate } from '../../meter/manufacturer.ts'
import {
  decodeHex,
  decodeMessage,
  decodeObject,
  encodeMessage,
} from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Cli } from '../cli.ts'
import { readJsonFile, writeJsonFile } from '../dataFolder.ts'

/** The JSON form of a meter’s certificate with its manufacturer’s signature. */
export function encodeCertificate(signed: SignedMeterCertificate): Record<string, unknown> {
  const { certificate, manufacturerSignature } = signed
  return { certificate: encodeMessage('MeterCertificate', certificate), manufacturerSignature }
}

/** Parses what `encodeCertificate` made. Throws `input/*`. */
export function decodeCertificate(value: unknown): SignedMeterCertificate {
  const fields = ['certificate', 'manufacturerSignature']
  const { certificate, manufacturerSignature } = decodeObject(value, fields, 'certificate')
  return {
    certificate: decodeMessage('MeterCertificate', certificate),
    manufacturerSignature: decodeHex(manufacturerSignature, 64, 'manufacturerSignature'),
  }
}

/** Writes a certificate’s file, and returns its path. Throws `store/failed`. */
export function writeCertificate(cli: Cli, file: string, signed: SignedMeterCertificate): string {
  const path = resolve(cli.cwd, file)
  writeJsonFile(path, encodeCertificate(signed))
  return path
}

/** Reads a certificate’s file. Throws `file/unreadable`, `input/*`. */
export function readCertificate(cli: Cli, file: string): SignedMeterCertificate {
  const path = resolve(cli.cwd, file)
  const json = readJsonFile(path)
  if (json === undefined) throw new SpbError('file/unreadable', `There is no file ${path}.`)
  return decodeCertificate(json)
}
