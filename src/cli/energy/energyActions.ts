import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { parseAmount, parseDuration, parseEnergy } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import {
  addEnergy,
  openEnergyAccount,
  openEnergyAccountWithCertificate,
} from '../../sdk/marketContract.ts'
import { openAccount, resolveAddress } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy } from '../formatUnits.ts'
import { openMarketClient } from '../marketAccess.ts'
import { marketOfFolder, openNode, readChainTime, waitUntilCounted } from '../nodeAccess.ts'
import { nodeKeyPath, openNodeKey } from '../nodeKeys.ts'
import type { PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'
import {
  issueEnergyCertificate,
  readEnergyCertificate,
  writeEnergyCertificate,
} from './energyCertificate.ts'

type OpenOptions = PasswordOptions & { certificate?: string }

/** `spb energy open`. Throws `chain/*`, `account/*`, `file/unreadable`, `ctp/wrong-market`. */
export async function openEnergy(call: Call<OpenOptions>, name: string): Promise<CommandResult> {
  const { cli, options } = call
  const access = openNode(call)
  const certificate =
    options.certificate === undefined ? undefined : readEnergyCertificate(cli, options.certificate)
  const account = await openAccount(cli, access.folder, name, options)
  const market = await openMarketClient(call, access, account)
  if (certificate !== undefined && certificate.market.address !== market.market.address) {
    throw new SpbError('ctp/wrong-market', 'The certificate is for another market.')
  }
  const { burnWei } = (await access.node.market()).options
  const receipt =
    certificate === undefined
      ? await openEnergyAccount(market, burnWei)
      : await openEnergyAccountWithCertificate(market, certificate)
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const how = certificate === undefined ? `${formatAmount(burnWei)} burnt` : 'by certificate'
  const sentence = `${name}’s energy account is open (${how}). Offer some: spb energy add ${name} …`
  return describeTransaction(sentence, receipt, {
    ...(certificate === undefined ? { burnWei } : { authority: certificate.authority }),
    isCounted,
  })
}

type CertifyOptions = { out: string; valid: string }

/** `spb energy certify`. Throws `account/unknown`, `input/*`, `store/failed`. */
export function certifyProducer(
  { cli, options }: Call<CertifyOptions>,
  text: string,
): CommandResult {
  const folder = dataFolderOf(cli, options)
  const market = marketOfFolder(folder)
  if (market === undefined || !existsSync(nodeKeyPath(folder, 'authority'))) {
    throw new SpbError('input/option', 'This data folder has no development authority.', {
      hint: 'spb up makes one; use its data folder.',
    })
  }
  const account = resolveAddress(folder, text)
  const nowSeconds = Math.floor(cli.nowMs() / 1000)
  const notAfterSeconds = seconds(nowSeconds + parseDuration(options.valid))
  const key = openNodeKey(folder, 'authority')
  const certificate = issueEnergyCertificate(market, account, notAfterSeconds, key)
  const path = resolve(cli.cwd, options.out)
  writeEnergyCertificate(path, certificate)
  return {
    json: { file: path, ...certificate },
    text: () =>
      `${account} is admitted until ${formatTime(notAfterSeconds, cli.nowMs())}: ${path}\n` +
      'The producer opens his energy account with it: spb energy open NAME --certificate FILE',
  }
}

type AddOptions = PasswordOptions & { price: string; negotiable?: true; until: string }

/** `spb energy add`. Throws `chain/*`, `account/*`, `input/*`. */
export async function addOffer(
  call: Call<AddOptions>,
  name: string,
  energy: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const energyWh = parseEnergy(energy)
  const priceWeiPerKwh = parseAmount(options.price)
  const span = parseDuration(options.until)
  const isNegotiable = options.negotiable === true
  const access = openNode(call)
  const account = await openAccount(cli, access.folder, name, options)
  const market = await openMarketClient(call, access, account)
  const untilSeconds = seconds((await readChainTime(call, access)) + span)
  const terms = { energyWh, priceWeiPerKwh, isNegotiable, untilSeconds }
  const { offerId, ...receipt } = await addEnergy(market, { ...terms, negotiationKey: '0x' })
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const sentence =
    `Offer ${offerId}: ${formatEnergy(energyWh)} at ${formatAmount(priceWeiPerKwh)} a kWh` +
    `${isNegotiable ? ' or more' : ''}, until ${formatTime(untilSeconds, cli.nowMs())}.`
  return describeTransaction(sentence, receipt, { offerId, ...terms, isCounted })
}
