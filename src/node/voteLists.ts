import { RecoveryCache } from '../ledger/recoveryCache.ts'
import type { Bytes32, Signature } from '../protocol/bytes.ts'
import type { Committee } from '../protocol/committee.ts'
import type { Market } from '../protocol/digest.ts'
import type { Vote } from '../protocol/holdCertificate.ts'
import { makeRoom } from '../protocol/makeRoom.ts'
import { buildMerkleTree, type MerklePath, type MerkleTree } from '../protocol/merkle.ts'

/** Ordered ids that one signature covers, with their tree; paths are made once each. */
export type VoteList = {
  readonly ids: readonly Bytes32[]
  readonly root: Bytes32
  pathOf(index: number): MerklePath
}

/** A member's signature over a list. */
export type ListVote = { member: number; signature: Signature; list: VoteList; index: number }

const keptLists = 256

/**
 * Lists of ids and members' signatures over them, each worked out once: a batch's CTPs share them,
 * and the same batch comes from several peers.
 */
export class VoteLists {
  readonly #recoveries: RecoveryCache
  readonly #lists = new Map<string, VoteList>()

  constructor(market: Market) {
    this.#recoveries = new RecoveryCache(market)
  }

  /** The list of these ids; at least one. */
  listOf(ids: readonly Bytes32[]): VoteList {
    const key = ids.join()
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const list = makeList([...ids], buildMerkleTree(ids))
    makeRoom(this.#lists, keptLists)
    this.#lists.set(key, list)
    return list
  }

  /** True where that member of the committee signed the list's root in that epoch. */
  isSigned(committee: Committee, member: number, signature: Signature, root: Bytes32): boolean {
    const address = committee.members[member]
    if (address === undefined) return false
    return this.#recoveries.signerOf(committee.epoch, root, signature) === address
  }
}

/** A vote for one CTP of a list, as certificates hold it. */
export function toVote({ member, signature, list, index }: ListVote): Vote {
  return { member, signature, path: list.pathOf(index) }
}

function makeList(ids: Bytes32[], tree: MerkleTree): VoteList {
  const paths: (MerklePath | undefined)[] = []
  const pathOf = (index: number): MerklePath => {
    paths[index] ??= tree.pathOf(index)
    return paths[index]
  }
  return { ids, root: tree.root, pathOf }
}
