import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { TradeProof } from '../../protocol/tradeProof.ts'
import { createMarketClient, type MarketClient } from '../../sdk/marketClient.ts'
import { declineByProof, settleByProof } from '../../sdk/proofSettlement.ts'
import { chooseAccountName, nameAddresses, openAccount } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount, formatEnergy, shortenHex } from '../formatUnits.ts'
import { chainUrlOf, marketOfFolder } from '../nodeAccess.ts'
import type { PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'
import { findProof, identifyProof, type ProofWish } from './findProof.ts'
import { type SavedProof, saveProof } from './proofFolder.ts'

const marketPollMs = 200

type SenderOptions = PasswordOptions & { account?: string }

/** The account to send from: the named one, else the producer's, else the only one. */
function chooseSender(
  { cli, options }: Call<SenderOptions>,
  folder: DataFolder,
  producer: Address,
): string {
  const { account: named } = options
  const isNamed = named !== undefined || (cli.env.SPB_ACCOUNT ?? '') !== ''
  const own = isNamed ? undefined : nameAddresses(folder).get(producer)
  return own ?? chooseAccountName(cli, folder, { named })
}

/** An account at the market of a proof, found without any node. */
async function openProofMarket(
  call: Call<SenderOptions>,
  { market, ctp }: TradeProof,
): Promise<{ client: MarketClient; name: string }> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const own = marketOfFolder(folder)
  if (own !== undefined && (own.address !== market.address || own.chainId !== market.chainId)) {
    throw new SpbError('ctp/wrong-market', 'The proof is of another market than this data folder.')
  }
  const url = chainUrlOf(call, folder)
  const name = chooseSender(call, folder, ctp.producer)
  const { privateKey } = await openAccount(cli, folder, name, options)
  const client = createMarketClient({
    ...{ url, market, privateKey: bytesToHex(privateKey) },
    pollingIntervalMs: marketPollMs,
  })
  return { client, name }
}

const labelOf = (proof: TradeProof): string =>
  String(proof.number ?? shortenHex(identifyProof(proof)))

/** Says the time that the contract waits for in a person's own terms. */
function explainTooEarly(error: unknown, proof: TradeProof, nowMs: number): unknown {
  if (!(error instanceof SpbError) || error.code !== 'proof/too-early') return error
  const when = formatTime(proof.ctp.expirySeconds, nowMs)
  const message = `A partial delivery is settled by proof from its expiry on: ${when}.`
  return new SpbError(error.code, message, { meta: error.meta, cause: error })
}

/** Notes what was paid; what is wrong with the disk must not hide that it was. */
function keepSettled(folder: DataFolder, saved: SavedProof): string {
  try {
    saveProof(folder, saved)
    return ''
  } catch (error) {
    if (error instanceof SpbError) return `\n${error.message}`
    throw error
  }
}

type SettleOptions = SenderOptions & { proof?: string; file?: string }

/** `spb settle --proof`. Throws `proof/*`, `account/*`, `chain/*`, `ctp/wrong-market`. */
export async function settleTrade(call: Call<SettleOptions>): Promise<CommandResult> {
  const { cli, options } = call
  const proof = await findProof(call, { ctp: options.proof, file: options.file })
  const ctpId = identifyProof(proof)
  if (proof.receipt === undefined) throw new SpbError('proof/no-receipt')
  const { client, name } = await openProofMarket(call, proof)
  const { paymentWei, deliveredWh, ...receipt } = await settleByProof(client, proof).catch(
    (error) => {
      throw explainTooEarly(error, proof, cli.nowMs())
    },
  )
  const { transactionHash, blockNumber } = receipt
  const settlement = { transactionHash, blockNumber }
  const trouble = keepSettled(dataFolderOf(cli, options), {
    ctpId,
    proof: { ...proof, settlement },
  })
  const sentence =
    `CTP ${labelOf(proof)} is settled by its proof: ${formatAmount(paymentWei)} paid for ` +
    `${formatEnergy(deliveredWh)} (${receipt.gasUsed} gas).${trouble}`
  const { producer } = proof.ctp
  const fields = { ctpId, producer, paymentWei, deliveredWh, account: name }
  return describeTransaction(sentence, receipt, fields)
}

type DeclineOptions = SenderOptions & Pick<ProofWish, 'file'> & { force?: true }

/** `spb decline`. Throws `proof/*`, `account/*`, `chain/*`, `ctp/wrong-market`. */
export async function declineTrade(
  call: Call<DeclineOptions>,
  ctp?: string,
): Promise<CommandResult> {
  const { options } = call
  const proof = await findProof(call, { ctp, file: options.file })
  const ctpId = identifyProof(proof)
  if (proof.receipt !== undefined && options.force !== true) {
    const energy = formatEnergy(proof.receipt.erc.deliveredWh)
    throw new SpbError('proof/receipted', `${energy} are receipted for this CTP.`, {
      hint: 'Settle it instead: spb settle --proof CTP. Or give that up with --force.',
    })
  }
  const { client, name } = await openProofMarket(call, proof)
  const receipt = await declineByProof(client, proof)
  const sentence = `CTP ${labelOf(proof)} is declined: its money is free, nobody is paid.`
  return describeTransaction(sentence, receipt, { ctpId, account: name })
}
