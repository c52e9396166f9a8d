import type { Address } from '../protocol/bytes.ts'
import {
  type CtpSubmission,
  decodeCtpSubmission,
  encodeCtpSubmission,
} from '../protocol/ctpSubmission.ts'
import { decodeAddress, decodeList, decodeObject } from '../protocol/decodeMessage.ts'
import type { Market } from '../protocol/digest.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { NonceJournal } from '../sdk/nonceJournal.ts'
import { readJsonFile, writeJsonFile } from './dataFolder.ts'

type Entry = { account: Address; submission: CtpSubmission }

/** Of each account and market: twice what can be open at once. */
const keptEntries = 128
const mostEntries = 1_000_000

function decodeEntry(value: unknown): Entry {
  const { account, submission } = decodeObject(value, ['account', 'submission'], 'entry')
  return {
    account: decodeAddress(account, 'account'),
    submission: decodeCtpSubmission(submission),
  }
}

function readEntries(path: string): Entry[] {
  try {
    const json = readJsonFile(path)
    if (json === undefined) return []
    const { signed } = decodeObject(json, ['signed'], 'journal')
    return decodeList(signed, mostEntries, 'signed', decodeEntry)
  } catch (cause) {
    throw new SpbError('account/damaged', `The journal ${path} is damaged.`, {
      hint: 'Restore a backup of it: without it a nonce could be signed twice.',
      cause,
    })
  }
}

/** Leaves out what was signed so long ago that its nonce is surely closed. */
function forgetOld(entries: readonly Entry[], fresh: Entry): Entry[] {
  const { market, ctp } = fresh.submission
  return entries.filter(({ account, submission }) => {
    const isSame = account === fresh.account && isSameMarket(submission.market, market)
    return !isSame || submission.ctp.nonce > ctp.nonce - keptEntries
  })
}

const isSameMarket = (a: Market, b: Market): boolean =>
  a.chainId === b.chainId && a.address === b.address

/**
 * Remembers in a file what an account signed at each nonce, on disk before a signature leaves.
 *
 * Its user keeps other processes away from it: see `lockAccount`. Throws `account/damaged`,
 * `ctp/nonce-reused`, `store/failed`.
 */
export function openFileJournal(path: string): NonceJournal {
  const find = (market: Market, account: Address, nonce: number) =>
    readEntries(path).find(
      (entry) =>
        entry.account === account &&
        entry.submission.ctp.nonce === nonce &&
        isSameMarket(entry.submission.market, market),
    )?.submission
  return {
    load: find,
    save(market, account, submission) {
      if (find(market, account, submission.ctp.nonce) !== undefined) {
        throw new SpbError('ctp/nonce-reused', 'Something else was signed at this nonce.')
      }
      const fresh = { account, submission }
      const entries = [...forgetOld(readEntries(path), fresh), fresh]
      const signed = entries.map((entry) => ({
        account: entry.account,
        submission: encodeCtpSubmission(entry.submission),
      }))
      writeJsonFile(path, { signed })
    },
  }
}
