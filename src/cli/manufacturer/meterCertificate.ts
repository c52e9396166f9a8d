import { recoverManufacturer, type SignedMeterCertificate } from '../../meter/manufacturer.ts'
import type { Address } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Cli } from '../cli.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { chooseMeterName, installCertificate, readMeters } from '../meterFolder.ts'
import { encodeCertificate, readCertificate } from './certificateFile.ts'
import { formatModel } from './meterModel.ts'

/** What is new about a meter’s certificate, where one was given. */
type Change = { isInstalled: boolean; previousManufacturer?: Address }

function describeCertificate(
  cli: Cli,
  name: string,
  signed: SignedMeterCertificate,
  { isInstalled, previousManufacturer: previous }: Change,
): CommandResult {
  const { meter, model, notAfterSeconds } = signed.certificate
  const manufacturer = recoverManufacturer(signed)
  const modelText = formatModel(model)
  const isOther = previous !== undefined && previous !== manufacturer
  return {
    json: { name, ...encodeCertificate(signed), manufacturer, modelText, isInstalled },
    text: (palette) =>
      [
        palette.bold(isInstalled ? `Meter ${name} has a new certificate` : `Meter ${name}`),
        formatFacts(
          [
            ['identity', meter],
            ['model', modelText],
            ['manufacturer', manufacturer],
            ['certified', `until ${formatTime(notAfterSeconds, cli.nowMs())}`],
          ],
          palette,
        ),
        ...(isOther ? [palette.yellow(`Its manufacturer was ${previous} before.`)] : []),
      ].join('\n'),
  }
}

/**
 * `spb meter certificate`. Throws `meter/unknown`, `meter/locked`, `meter/certificate-invalid`,
 * `meter/certificate-expired`, `file/unreadable`, `signature/invalid`, `input/*`.
 */
export function certifyMeter(
  { cli, options }: Call<object>,
  named: string,
  file?: string,
): CommandResult {
  const folder = dataFolderOf(cli, options)
  const name = chooseMeterName(folder, named)
  const state = readMeters(folder).find((meter) => meter.name === name)
  if (state === undefined) throw new SpbError('meter/unknown')
  const { certificate, manufacturerSignature } = state
  const present = { certificate, manufacturerSignature }
  if (file === undefined) return describeCertificate(cli, name, present, { isInstalled: false })
  const fresh = readCertificate(cli, file)
  const previousManufacturer = recoverManufacturer(present)
  const change = { isInstalled: true, previousManufacturer }
  const described = describeCertificate(cli, name, fresh, change)
  if (fresh.certificate.notAfterSeconds * 1000 <= cli.nowMs()) {
    throw new SpbError('meter/certificate-expired', 'The new certificate is over already.')
  }
  installCertificate(folder, name, fresh)
  return described
}
