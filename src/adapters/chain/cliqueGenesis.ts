import type { Address, Hex } from '../../protocol/bytes.ts'
import { assert } from '../../protocol/spbError.ts'

/** What a Clique network begins with. */
export type CliqueTerms = {
  chainId: number
  /** Who may make blocks; at least one. */
  signers: readonly Address[]
  /** A block every so many seconds, also an empty one; at least 1. */
  periodSeconds: number
  /** Ether that is there from the beginning, in wei. */
  funds: Readonly<Record<Address, bigint>>
}

/** Gas of a block, the same as the embedded chain's. */
export const cliqueBlockGas = 60_000_000
/** Blocks after which a header repeats the list of signers (EIP-225). */
const checkpointBlocks = 30_000

const hexOf = (value: bigint | number): Hex => `0x${value.toString(16)}`

/** Rules of Ethereum up to London from the first block on: the last that Clique knows. */
const ruleBlocks = [
  ...['homestead', 'eip150', 'eip155', 'eip158', 'byzantium', 'constantinople', 'petersburg'],
  ...['istanbul', 'berlin', 'london'],
]

/** The genesis document of a Clique network (EIP-225), as geth's `init` takes it. */
export function makeCliqueGenesis({ chainId, signers, periodSeconds, funds }: CliqueTerms): object {
  assert(signers.length > 0 && periodSeconds >= 1, 'somebody makes blocks, also when idle')
  const ordered = [...signers].sort().map((address) => address.slice(2))
  const rules = Object.fromEntries(ruleBlocks.map((name) => [`${name}Block`, 0]))
  const balances = Object.entries(funds).map(([address, wei]) => [
    address.slice(2),
    { balance: hexOf(wei) },
  ])
  return {
    config: { chainId, ...rules, clique: { period: periodSeconds, epoch: checkpointBlocks } },
    difficulty: '0x1',
    gasLimit: hexOf(cliqueBlockGas),
    // What a signer may say, the signers, and room for a signature.
    extraData: `0x${'00'.repeat(32)}${ordered.join('')}${'00'.repeat(65)}`,
    alloc: Object.fromEntries(balances),
  }
}
