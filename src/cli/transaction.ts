import type { MarketReceipt } from '../sdk/marketContract.ts'
import type { CommandResult } from './commandResult.ts'
import { formatAmount, shortenHex } from './formatUnits.ts'

/** What a transaction did: a sentence, where it is, and further fields of the document. */
export function describeTransaction(
  sentence: string,
  receipt: MarketReceipt,
  fields: Record<string, unknown> & { isCounted?: boolean },
): CommandResult {
  const { transactionHash, blockNumber, feeWei } = receipt
  return {
    json: { ...fields, ...receipt },
    text: (palette) =>
      [
        sentence,
        palette.dim(
          `block ${blockNumber}, transaction ${shortenHex(transactionHash)}, ` +
            `gas ${formatAmount(feeWei)}`,
        ),
        ...(fields.isCounted === false ? ['The node counts it after further blocks.'] : []),
      ].join('\n'),
  }
}
