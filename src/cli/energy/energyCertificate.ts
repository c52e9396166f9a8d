import { resolve } from 'node:path'
import type { Address, Signature } from '../../protocol/bytes.ts'
import { decodeMarket } from '../../protocol/ctpSubmission.ts'
import {
  decodeAddress,
  decodeHex,
  decodeNumber,
  decodeObject,
} from '../../protocol/decodeMessage.ts'
import type { Market } from '../../protocol/digest.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'
import type { Cli } from '../cli.ts'
import { readJsonFile, writeJsonFile } from '../dataFolder.ts'

/** An authority's admission of a producer to a market, as it goes from one to the other. */
export type EnergyCertificateFile = {
  market: Market
  account: Address
  notAfterSeconds: Seconds
  authority: Address
  signature: Signature
}

const fields = ['market', 'account', 'notAfterSeconds', 'authority', 'signature']

/** Signs a certificate with an authority's private key. */
export function issueEnergyCertificate(
  market: Market,
  account: Address,
  notAfterSeconds: Seconds,
  authorityKey: Uint8Array,
): EnergyCertificateFile {
  const message = { account, notAfterSeconds }
  const signature = signMessage(market, 'EnergyAccountCertificate', message, authorityKey)
  return { market, account, notAfterSeconds, authority: addressOf(authorityKey), signature }
}

/** Writes a certificate's file. Throws `store/failed`. */
export function writeEnergyCertificate(path: string, certificate: EnergyCertificateFile): void {
  writeJsonFile(path, certificate)
}

/** Reads a certificate's file. Throws `file/unreadable`, `input/*`. */
export function readEnergyCertificate(cli: Cli, file: string): EnergyCertificateFile {
  const path = resolve(cli.cwd, file)
  const json = readJsonFile(path)
  if (json === undefined) throw new SpbError('file/unreadable', `There is no file ${path}.`)
  const object = decodeObject(json, fields, 'certificate')
  return {
    market: decodeMarket(object.market),
    account: decodeAddress(object.account, 'account'),
    notAfterSeconds: seconds(decodeNumber(object.notAfterSeconds, maxUint40, 'notAfterSeconds')),
    authority: decodeAddress(object.authority, 'authority'),
    signature: decodeHex(object.signature, 64, 'signature'),
  }
}
