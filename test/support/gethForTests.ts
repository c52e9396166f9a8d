import { findGethBinary } from '../../src/adapters/chain/gethBinary.ts'

function find(): string | undefined {
  try {
    return findGethBinary()
  } catch (error) {
    if (process.env.SPB_REQUIRE_GETH === '1') throw error
    return undefined
  }
}

/**
 * The geth that tests run: `node tools/installGeth.mjs` builds it. Absent where there is none,
 * which is a failure where `SPB_REQUIRE_GETH=1`.
 */
export const gethForTests = find()
