import { limits } from '../../protocol/limits.ts'
import type { AccountRecord } from './memoryMarket.ts'

const windowSize = limits.nonceWindow

/** True for a nonce that was used, or that is below the account's window. */
export function isNonceUsed({ nonceBase, nonceBitmap }: AccountRecord, nonce: number): boolean {
  if (nonce < nonceBase) return true
  const offset = nonce - nonceBase
  return offset < windowSize && ((nonceBitmap >> BigInt(offset)) & 1n) === 1n
}

type NonceWindow = Pick<AccountRecord, 'nonceBase' | 'nonceBitmap'>

/** The nonce window once an unused nonce is used; a nonce above it slides it. */
export function useNonce({ nonceBase, nonceBitmap }: AccountRecord, nonce: number): NonceWindow {
  const offset = nonce - nonceBase
  if (offset < windowSize) {
    return { nonceBase, nonceBitmap: nonceBitmap | (1n << BigInt(offset)) }
  }
  const newBase = nonce - (windowSize - 1)
  const kept = nonceBitmap >> BigInt(newBase - nonceBase)
  return { nonceBase: newBase, nonceBitmap: kept | (1n << BigInt(windowSize - 1)) }
}
