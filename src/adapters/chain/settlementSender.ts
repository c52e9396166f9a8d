import { keccak256 } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { getBalance, getTransactionCount, sendRawTransaction } from 'viem/actions'
import type { MarketFacts, SettleCall } from '../../ports/chain.ts'
import type { Address, Bytes32, Hex } from '../../protocol/bytes.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { RpcConnection } from './rpcConnection.ts'
import {
  type FeePolicy,
  type Fees,
  gasPriceOf,
  readFees,
  replacementFees,
} from './settlementFees.ts'
import {
  estimateSettlementGas,
  type SettlementPayer,
  signSettlement,
  type TransactionTerms,
} from './settlementTransaction.ts'

/** Whose market, whose money, and how much of it. */
export type SettlementSenderOptions = {
  market: MarketFacts
  /** Private key of the account that pays. */
  senderKey: Hex
  fees?: FeePolicy
}

/** 1.125 to the 24th is about 17: beyond that, something else is wrong. */
const mostBumps = 24

/** What a rejection says, through all its causes. */
function messageOf(error: unknown): string {
  const texts: string[] = []
  let at = error
  while (at instanceof Error && texts.length < 16) {
    texts.push(at.message, String((at as { details?: unknown }).details ?? ''))
    at = at.cause
  }
  return texts.join('\n')
}

const isUnanswered = (error: unknown) =>
  error instanceof SpbError && error.code === 'chain/unreachable'

function insufficientFunds(address: Address, balanceWei: bigint, neededWei: bigint): SpbError {
  return new SpbError(
    'chain/insufficient-funds',
    `${address} has ${balanceWei} wei; this settlement may cost ${neededWei} wei.`,
    { meta: { address, balanceWei: String(balanceWei), neededWei: String(neededWei) } },
  )
}

/**
 * Sends settlements from one Ethereum account, one after the other.
 *
 * The Ethereum nonce is that of the latest block, so that a settlement replaces one that is not
 * in a block yet: at most one of them is mined.
 */
export class SettlementSender {
  readonly #rpc: RpcConnection
  readonly #payer: SettlementPayer
  readonly #policy: FeePolicy
  #last: { nonce: number; fees: Fees } | undefined
  #previous: Promise<unknown> = Promise.resolve()

  constructor(rpc: RpcConnection, { market, senderKey, fees = {} }: SettlementSenderOptions) {
    this.#rpc = rpc
    this.#payer = { market, account: privateKeyToAccount(senderKey) }
    this.#policy = fees
  }

  /** Throws as `Chain.sendSettlement` says. */
  send(call: SettleCall): Promise<Bytes32> {
    // Two at once would read the same nonce and fees, and not replace one another.
    const sent = this.#previous.then(() => this.#sendOne(call))
    this.#previous = sent.catch(() => undefined)
    return sent
  }

  async #sendOne(call: SettleCall): Promise<Bytes32> {
    const { client } = this.#rpc
    const { address } = this.#payer.account
    const [nonce, pendingNonce, balanceWei, feesNow, gas] = await Promise.all([
      getTransactionCount(client, { address, blockTag: 'latest' }),
      getTransactionCount(client, { address, blockTag: 'pending' }),
      getBalance(client, { address }),
      readFees(this.#rpc, this.#policy),
      estimateSettlementGas(client, this.#payer, call),
    ])
    // One that the client dropped need not be outbid: the fees could only climb.
    const isReplacing = this.#last?.nonce === nonce && pendingNonce > nonce
    const fees = isReplacing ? replacementFees(feesNow, this.#last!.fees, this.#policy) : feesNow
    const neededWei = gas * gasPriceOf(fees)
    if (balanceWei < neededWei) throw insufficientFunds(address, balanceWei, neededWei)
    return await this.#submit(call, { nonce, gas, fees })
  }

  /** Sends, with higher fees as long as the client knows of a better paid one of this nonce. */
  async #submit(call: SettleCall, terms: TransactionTerms): Promise<Bytes32> {
    const { nonce } = terms
    let { fees } = terms
    for (let attempt = 1; ; attempt++) {
      const serializedTransaction = await signSettlement(this.#payer, call, { ...terms, fees })
      const before = this.#last
      // What was sent may arrive although its answer does not.
      this.#last = { nonce, fees }
      try {
        return await sendRawTransaction(this.#rpc.client, { serializedTransaction })
      } catch (error) {
        const message = messageOf(error)
        if (/already (known|imported)/i.test(message)) return keccak256(serializedTransaction)
        if (!/underpriced/i.test(message) || attempt === mostBumps) {
          const explained = this.#rpc.explain(error)
          // Refused: no transaction of these fees exists that the next one had to outbid.
          if (!isUnanswered(explained)) this.#last = before
          throw explained
        }
        fees = replacementFees(fees, fees, this.#policy)
      }
    }
  }
}
