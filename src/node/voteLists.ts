import type { Bytes32, Signature } from '../protocol/bytes.ts'
import type { Committee } from '../protocol/committee.ts'
import { digestOf, type Market } from '../protocol/digest.ts'
import type { Vote } from '../protocol/holdCertificate.ts'
import { buildMerkleTree, type MerklePath, type MerkleTree } from '../protocol/merkle.ts'
import { recoverSigner } from '../protocol/signature.ts'

/** Ordered ids that one signature covers, with their tree; paths are made once each. */
export type VoteList = {
  readonly ids: readonly Bytes32[]
  readonly root: Bytes32
  pathOf(index: number): MerklePath
}

/** A member's signature over a list. */
export type ListVote = { member: number; signature: Signature; list: VoteList; index: number }

const keptLists = 256
const keptChecks = 8192

/**
 * Lists of ids and members' signatures over them, each worked out once: a batch's CTPs share them,
 * and the same batch comes from several peers.
 */
export class VoteLists {
  readonly #market: Market
  readonly #lists = new Map<string, VoteList>()
  readonly #checked = new Map<string, boolean>()

  constructor(market: Market) {
    this.#market = market
  }

  /** The list of these ids; at least one. */
  listOf(ids: readonly Bytes32[]): VoteList {
    const key = ids.join()
    const known = this.#lists.get(key)
    if (known !== undefined) return known
    const list = makeList([...ids], buildMerkleTree(ids))
    remember(this.#lists, key, list, keptLists)
    return list
  }

  /** True where that member of the committee signed the list's root in that epoch. */
  isSigned(committee: Committee, member: number, signature: Signature, root: Bytes32): boolean {
    const address = committee.members[member]
    if (address === undefined) return false
    const { epoch } = committee
    const key = `${epoch} ${address} ${root} ${signature}`
    const known = this.#checked.get(key)
    if (known !== undefined) return known
    const digest = digestOf(this.#market, 'HoldVote', { epoch, ctpsRoot: root })
    const isSigned = recoverSigner(digest, signature) === address
    remember(this.#checked, key, isSigned, keptChecks)
    return isSigned
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

/** Keeps at most so many, the oldest forgotten first. */
function remember<Value>(map: Map<string, Value>, key: string, value: Value, most: number): void {
  if (map.size >= most) {
    for (const oldest of map.keys()) {
      map.delete(oldest)
      break
    }
  }
  map.set(key, value)
}
