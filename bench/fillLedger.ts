// Fills a database with live CTPs by the ledger's own rules, says so, and waits to be killed.
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { openLedgerState } from '../src/ledger/ledgerState.ts'
import { certify, recordVote } from '../src/ledger/voting.ts'
import { bytesToHex } from '../src/protocol/bytes.ts'
import { wh } from '../src/protocol/units.ts'
import { benchFacts, keyOf, makeSubmissions } from './world.ts'

const [path = '', count = '0'] = process.argv.slice(2)
const store = openSqliteStore({ path, marketId: `${benchFacts.chainId}:${benchFacts.address}` })
const state = openLedgerState(store, benchFacts, {
  liveCtpsPerAccount: 64,
  liveCtps: 2_000_000,
  isFirstStart: true,
})
const [submission] = makeSubmissions(1)
for (let index = 0; index < Number(count); index++) {
  const id = keyOf(`ctp ${index}`)
  // 16 CTPs an account; signatures do not matter to recovery, so one serves all.
  const consumer = bytesToHex(keyOf(`account ${Math.floor(index / 16)}`).subarray(12))
  const ctp = { ...submission!.ctp, nonce: index % 16, energyWh: wh(500 + (index % 500)) }
  const { consumerSignature } = submission!
  const identified = { ctpId: bytesToHex(id), consumer, ctp, consumerSignature }
  const voucher = { witness: consumer, manufacturer: consumer }
  recordVote(state, { ...identified, voucher, submission: submission! })
  const path = { index: 0, siblings: [] }
  certify(state, identified, 1, [{ member: 0, signature: consumerSignature, path }])
  if (index % 1_000 === 999) store.sync()
  if (index % 50_000 === 49_999) console.log(index + 1)
}
store.sync()
console.log('filled')
// Stays until the benchmark kills it; longer than any benchmark waits.
setTimeout(() => {}, 600_000)
