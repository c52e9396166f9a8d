import { existsSync } from 'node:fs'
import { issueMeterCertificate } from '../../meter/manufacturer.ts'
import { parseDuration } from '../../protocol/parseText.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf, dataOptionOf } from '../dataFolder.ts'
import { formatTime } from '../formatTime.ts'
import { installCertificate } from '../meterFolder.ts'
import { nodeKeyPath, openNodeKey } from '../nodeKeys.ts'
import { parseEnd } from '../parseEnd.ts'
import { encodeCertificate, writeCertificate } from './certificateFile.ts'
import { appendIssued } from './issuedLog.ts'
import { encodeModel, formatModel } from './meterModel.ts'
import { requireManufacturer, resolveMeter } from './ownManufacturer.ts'

/** Ten years: as long as meters are used between two calibrations. */
const defaultLife = '3650d'

/** `spb manufacturer init`. Throws `account/damaged`, `store/failed`. */
export function initManufacturer({ cli, options }: Call<object>): CommandResult {
  const folder = dataFolderOf(cli, options)
  const file = nodeKeyPath(folder, 'manufacturer')
  const isNew = !existsSync(file)
  const address = addressOf(openNodeKey(folder, 'manufacturer'))
  const data = dataOptionOf(cli, folder)
  return {
    json: { address, isNew, file },
    text: (palette) =>
      [
        `${palette.bold('Manufacturer')} ${address}`,
        isNew
          ? `Its key is new, and unencrypted: keep ${file} safe, and a copy of it.`
          : `Its key was there already: ${file}`,
        '',
        'A market trusts its meters once the committee has decided so:',
        `  spb committee propose manufacturer ${address} --out trust.json`,
        'Vouch for a meter by its identity:',
        `  spb manufacturer issue METER --model TEXT${data}`,
      ].join('\n'),
  }
}

type IssueOptions = { model: string; until?: string; for?: string; out?: string }

/** The certificate’s end: a date, a span, or ten years. Throws `input/time`, `input/duration`. */
function endOf({ options }: Call<IssueOptions>, nowSeconds: number): Seconds {
  const endSeconds =
    options.until === undefined
      ? seconds(nowSeconds + parseDuration(options.for ?? defaultLife))
      : parseEnd(options.until, nowSeconds)
  if (endSeconds > nowSeconds && endSeconds <= maxUint40) return endSeconds
  throw new SpbError('input/time', 'A certificate cannot end then.', {
    hint: 'Choose an end in the future, up to 2099: --until 2035-12-31, or --for 3650d.',
  })
}

/**
 * `spb manufacturer issue`. Throws `input/*`, `meter/unknown`, `meter/locked`, `meter/damaged`,
 * `store/failed`.
 */
export function issueCertificate(call: Call<IssueOptions>, text: string): CommandResult {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const manufacturer = requireManufacturer(folder)
  const model = encodeModel(options.model)
  const nowSeconds = seconds(Math.floor(cli.nowMs() / 1000))
  const notAfterSeconds = endOf(call, nowSeconds)
  const { meter, name } = resolveMeter(folder, text)
  const signed = issueMeterCertificate(manufacturer, { meter, model, notAfterSeconds })
  const { address } = manufacturer
  appendIssued(folder, { ...signed, manufacturer: address, issuedAtSeconds: nowSeconds })
  // A meter elsewhere gets its certificate as a file only.
  const out = options.out ?? (name === undefined ? `${meter}.cert.json` : undefined)
  const file = out === undefined ? undefined : writeCertificate(cli, out, signed)
  if (name !== undefined) installCertificate(folder, name, signed)
  return {
    json: {
      ...encodeCertificate(signed),
      ...{ manufacturer: address, modelText: formatModel(model) },
      ...{ file: file ?? null, installedIn: name ?? null },
    },
    text: () =>
      [
        `${formatModel(model)} ${meter} is certified until ` +
          `${formatTime(notAfterSeconds, cli.nowMs())}.`,
        ...(name === undefined ? [] : [`Its meter “${name}” has the certificate.`]),
        ...(file === undefined ? [] : [`Give its owner ${file}`]),
      ].join('\n'),
  }
}
