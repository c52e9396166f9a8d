import type { AccountState, Chain, TransactionOutcome } from '../../ports/chain.ts'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { rootExtraOf } from '../../protocol/rootText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import type { MemoryBlock, MemoryEthereum } from './memoryEthereum.ts'
import { accountOf } from './memoryMarket.ts'

/** One node's view of a chain in memory; its faults can be changed at any time. */
export type MemoryChain = Chain & {
  /** How many blocks the node's Ethereum client is behind. */
  lagBlocks: number
  /** False: every call fails with `chain/unreachable`. */
  isReachable: boolean
}

function requireKnown<Value>(value: Value | undefined, what: string): Value {
  if (value !== undefined) return value
  throw new SpbError('chain/unreachable', `The Ethereum client does not have ${what}.`)
}

/** The chain port over a chain in memory; `sender` is the node's own Ethereum account. */
export function createMemoryChain(ethereum: MemoryEthereum, sender: Address): MemoryChain {
  const view = { lagBlocks: 0, isReachable: true }

  const headNumber = () => Math.max(0, ethereum.head().number - view.lagBlocks)
  const visible = (number: number): MemoryBlock | undefined =>
    number <= headNumber() ? ethereum.block(number) : undefined
  const visibleHead = () => visible(headNumber())!

  /** Answers in a later microtask, as a client would. */
  async function answer<Value>(read: () => Value): Promise<Value> {
    await Promise.resolve()
    if (!view.isReachable) throw new SpbError('chain/unreachable')
    return read()
  }

  const refOf = ({ number, hash, timeSeconds }: MemoryBlock) => ({ number, hash, timeSeconds })

  function outcomeOf(hash: Bytes32): TransactionOutcome {
    const block = ethereum.blockOf(hash)
    const isPending = block === undefined ? ethereum.isPending(hash) : block.number > headNumber()
    if (isPending) return { status: 'pending' }
    if (block === undefined) return { status: 'dropped' }
    const { isSuccess, gasUsed } = block.transactions.get(hash)!.inclusion
    return { status: 'included', blockNumber: block.number, isSuccess, gasUsed }
  }

  function accountsAt(addresses: readonly Address[], number: number): AccountState[] {
    const { state } = requireKnown(visible(number), `the state of block ${number}`)
    return addresses.map((address) => {
      const account = address.toLowerCase() as Address
      return { account, ...accountOf(state, account) }
    })
  }

  /** Blocks `from` to `to` as the client has them. */
  function range(from: number, to: number): MemoryBlock[] {
    if (from > to) return []
    requireKnown(visible(to), `block ${to}`)
    return Array.from({ length: to - from + 1 }, (_, at) => visible(from + at)!)
  }

  const chain: Chain = {
    head: () => answer(() => refOf(visibleHead())),
    blockAt: (number) =>
      answer(() => {
        const block = visible(number)
        return block && refOf(block)
      }),
    events: (from, to) => answer(() => range(from, to).flatMap(({ events }) => events)),
    accounts: (addresses, number) => answer(() => accountsAt(addresses, number)),
    committee: (epoch) =>
      answer(() => {
        const committee = visibleHead().state.committees.get(epoch)
        const { members, endedAtSeconds } = committee ?? { members: [], endedAtSeconds: seconds(0) }
        return { members: [...members], endedAtSeconds }
      }),
    currentEpoch: () => answer(() => visibleHead().state.currentEpoch),
    headers: (from, to) =>
      answer(() =>
        range(from, to).map(({ number, hash, proposer, extra }) => ({
          ...{ number, hash, proposer, extra },
        })),
      ),
    announceRoot: (root) => answer(() => ethereum.setExtra(sender, rootExtraOf(root))),
    sendSettlement: (call) => answer(() => ethereum.sendSettlement(sender, call)),
    outcomeOf: (hash) => answer(() => outcomeOf(hash)),
  }
  return Object.assign(view, chain)
}
