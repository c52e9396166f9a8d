import { findGethBinary } from '../../src/adapters/chain/gethBinary.ts'

function find(): string | undefined {
  try {
    return findGethBinary()
  } catch (error) {
    if (process.env.SPB_REQUIRE_GETH === '1') throw error
    return undefined
  }
}

/** The geth that tests run; absent where none is installed, unless `SPB_REQUIRE_GETH=1`. */
export const gethForTests = find()

/** A group of tests that need geth; its name says why it is skipped, where it is. */
export function nameGethTests(name: string): string {
  return gethForTests === undefined ? `${name} (skipped: node tools/installGeth.mjs)` : name
}
