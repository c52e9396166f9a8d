// Fills a database with held CTPs, all signatures genuine, as another member would hand them on.
import { openSqliteStore } from '../src/adapters/storage/sqliteStore.ts'
import { openLedgerState } from '../src/ledger/ledgerState.ts'
import { certify } from '../src/ledger/voting.ts'
import { ctpIdOf, digestOf } from '../src/protocol/digest.ts'
import { limits } from '../src/protocol/limits.ts'
import { buildMerkleTree } from '../src/protocol/merkle.ts'
import { addressOf, signDigest, signMessage } from '../src/protocol/signature.ts'
import { wei } from '../src/protocol/units.ts'
import { benchFacts, benchMarket, committeeKeyOf, keyOf, makeSubmissions } from './world.ts'

/** CTPs of one account: a contract’s window holds no more. */
const perAccount = 50
const voters = [1, 2, 3]

const [path = '', countText = '0'] = process.argv.slice(2)
const count = Number(countText)
const store = openSqliteStore({ path, marketId: `${benchFacts.chainId}:${benchFacts.address}` })
const state = openLedgerState(store, benchFacts, {
  liveCtpsPerAccount: limits.nonceWindow,
  liveCtps: 2_000_000,
  isFirstStart: true,
})
const [pattern] = makeSubmissions(1)

function sign(index: number) {
  const key = keyOf(`consumer ${Math.floor(index / perAccount)}`)
  const ctp = { ...pattern!.ctp, nonce: index % perAccount, amountWei: wei(100n) }
  const digest = digestOf(benchMarket, 'Ctp', ctp)
  const consumer = addressOf(key)
  const ctpId = ctpIdOf(digest, consumer)
  return { ctp, consumerSignature: signDigest(digest, key), ctpId, consumer }
}

for (let from = 0; from < count; from += limits.ctpsPerVote) {
  const size = Math.min(limits.ctpsPerVote, count - from)
  const batch = Array.from({ length: size }, (_, at) => sign(from + at))
  const tree = buildMerkleTree(batch.map(({ ctpId }) => ctpId))
  const message = { epoch: 1, ctpsRoot: tree.root }
  const ballots = voters.map((member) => {
    return {
      member,
      signature: signMessage(benchMarket, 'HoldVote', message, committeeKeyOf(member)),
    }
  })
  for (const [index, identified] of batch.entries()) {
    const votes = ballots.map((ballot) => ({ ...ballot, path: tree.pathOf(index) }))
    certify(state, identified, 1, votes)
  }
  store.sync()
}
store.close()
