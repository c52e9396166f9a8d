// Fills a database with held CTPs fast: in the order of their keys, under signatures of nobody.
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { openLedgerState } from '../src/ledger/ledgerState.ts'
import { certify } from '../src/ledger/voting.ts'
import { bytesToHex } from '../src/protocol/bytes.ts'
import { limits } from '../src/protocol/limits.ts'
import { wh } from '../src/protocol/units.ts'
import { benchFacts, keyOf, makeSubmissions } from './world.ts'

const perAccount = 16
const [path = '', countText = '0'] = process.argv.slice(2)
const count = Number(countText)
const store = openSqliteStore({ path, marketId: `${benchFacts.chainId}:${benchFacts.address}` })
const state = openLedgerState(store, benchFacts, {
  liveCtpsPerAccount: limits.nonceWindow,
  liveCtps: 2_000_000,
  isFirstStart: true,
})
const [pattern] = makeSubmissions(1)
const { ctp: terms, consumerSignature } = pattern!

/** Bytes that grow with the index, and are as far apart as random ones. */
function spread(name: string, index: number): Uint8Array {
  const bytes = keyOf(`${name} ${index}`)
  new DataView(bytes.buffer, bytes.byteOffset).setUint32(0, Math.floor((index * 2 ** 32) / count))
  return bytes
}

for (let index = 0; index < count; index++) {
  const ctpId = bytesToHex(spread('ctp', index))
  const account = Math.floor(index / perAccount)
  const consumer = bytesToHex(spread('account', account * perAccount).subarray(0, 20))
  const ctp = { ...terms, nonce: index % perAccount, energyWh: wh(500 + (index % 500)) }
  const path = { index: 0, siblings: [] }
  const votes = [0, 1, 2].map((member) => ({ member, signature: consumerSignature, path }))
  certify(state, { ctpId, consumer, ctp, consumerSignature }, 1, votes)
  if (index % 2_000 === 1_999) store.sync()
}
store.close()
