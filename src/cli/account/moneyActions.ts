import type { Address } from '../../protocol/bytes.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import { parseAmount } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { MarketClient } from '../../sdk/marketClient.ts'
import {
  cancelWithdrawal,
  deposit,
  fixPayout,
  requestWithdrawal,
  withdraw,
} from '../../sdk/marketContract.ts'
import { openAccount } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatTime } from '../formatTime.ts'
import { formatAmount } from '../formatUnits.ts'
import { openMarketClient } from '../marketAccess.ts'
import { type NodeAccess, openNode, waitUntilCounted } from '../nodeAccess.ts'
import type { PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'

type Opened = { access: NodeAccess; market: MarketClient; name: string }

async function open(call: Call<PasswordOptions>, name: string): Promise<Opened> {
  const access = openNode(call)
  const account = await openAccount(call.cli, access.folder, name, call.options)
  return { access, name, market: await openMarketClient(call, access, account) }
}

/** `spb account deposit`. Throws `chain/*`, `account/*`, `input/amount`. */
export async function depositMoney(
  call: Call<PasswordOptions>,
  name: string,
  amount: string,
): Promise<CommandResult> {
  const amountWei = parseAmount(amount)
  const { access, market } = await open(call, name)
  const receipt = await deposit(market, amountWei)
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const sentence = `${formatAmount(amountWei)} paid into ${name}’s account.`
  return describeTransaction(sentence, receipt, { amountWei, isCounted })
}

type WithdrawOptions = PasswordOptions & { cancel?: true; finish?: true; payout?: string }

/** What is wanted of a withdrawal: just one of its forms. Throws `input/option`. */
function requireOneForm(options: WithdrawOptions, amount: string | undefined): void {
  const { cancel, finish, payout } = options
  const forms = [amount, cancel, finish, payout].filter((form) => form !== undefined)
  if (forms.length === 1) return
  throw new SpbError('input/option', 'Say what to do with the withdrawal.', {
    hint: 'Give just one: an amount to request, --cancel, --finish, or --payout ADDRESS.',
  })
}

async function requestMoney(
  call: Call<PasswordOptions>,
  { access, market, name }: Opened,
  amount: string,
): Promise<CommandResult> {
  const amountWei = parseAmount(amount)
  const receipt = await requestWithdrawal(market, amountWei)
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const address = market.client.account.address.toLowerCase() as Address
  const { readyAtSeconds } = await access.node.account(address)
  const when = isCounted ? `ready ${formatTime(readyAtSeconds, call.cli.nowMs())}` : 'ready later'
  const then = `spb account withdraw ${name} --finish`
  const sentence = `${formatAmount(amountWei)} requested, ${when}: ${then}`
  return describeTransaction(sentence, receipt, {
    ...{ requestedWei: amountWei, isCounted },
    ...(isCounted ? { readyAtSeconds } : {}),
  })
}

/** Says the time that the contract names in a person's own terms. */
function explainNotReady(error: unknown, nowMs: number): unknown {
  if (!(error instanceof SpbError)) return error
  const { contractError, readyAtSeconds } = error.meta
  if (contractError !== 'WithdrawalNotReady') return error
  const when = formatTime(Number(readyAtSeconds), nowMs)
  return new SpbError(error.code, `The withdrawal is ready at ${when}, not before.`, {
    hint: 'Finish it then; what holds need stays in the balance until that time.',
    meta: error.meta,
  })
}

/** `spb account withdraw`. Throws `chain/*`, `account/*`, `input/*`. */
export async function withdrawMoney(
  call: Call<WithdrawOptions>,
  name: string,
  amount?: string,
): Promise<CommandResult> {
  const { cancel, payout } = call.options
  requireOneForm(call.options, amount)
  if (amount !== undefined) parseAmount(amount)
  const payoutAddress = payout === undefined ? undefined : decodeAddress(payout, `“${payout}”`)
  const opened = await open(call, name)
  const { market, access } = opened
  if (amount !== undefined) return await requestMoney(call, opened, amount)
  if (payoutAddress !== undefined) {
    const receipt = await fixPayout(market, payoutAddress)
    const sentence = `From now on ${name}’s withdrawals go to ${payoutAddress}, for good.`
    return describeTransaction(sentence, receipt, { payout: payoutAddress })
  }
  if (cancel) {
    return describeTransaction('The request is taken back.', await cancelWithdrawal(market), {})
  }
  const { amountWei, to, ...receipt } = await withdraw(market).catch((error) => {
    throw explainNotReady(error, call.cli.nowMs())
  })
  const isCounted = await waitUntilCounted(call, access, receipt.blockNumber)
  const sentence = `${formatAmount(amountWei)} paid out to ${to}.`
  return describeTransaction(sentence, receipt, { amountWei, to, isCounted })
}
