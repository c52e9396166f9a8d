import type { MeterSigner } from '../ports/meterSigner.ts'
import type { MeterState, MeterTree } from '../ports/meterStorage.ts'
import type { Address } from '../protocol/bytes.ts'
import { buildMerkleTree, type MerkleTree } from '../protocol/merkle.ts'
import { findTree } from './meterTrees.ts'

/** A tree's one-time keys in leaf order, and the tree over them. */
export type GrownTree = { keys: Address[]; merkle: MerkleTree }

/** The trees of a meter, each grown from its keys when it is first asked for. */
export class GrownTrees {
  readonly #signer: MeterSigner
  readonly #trees = new Map<number, GrownTree>()

  constructor(signer: MeterSigner) {
    this.#signer = signer
  }

  grow({ number, height }: Pick<MeterTree, 'number' | 'height'>): GrownTree {
    let grown = this.#trees.get(number)
    if (grown === undefined) {
      const keys = this.#signer.leafKeys(number, height)
      grown = { keys, merkle: buildMerkleTree(keys) }
      this.#trees.set(number, grown)
    }
    return grown
  }

  /** Drops the trees that a state does not hold. */
  forgetLost(state: Pick<MeterState, 'trees'>): void {
    for (const number of this.#trees.keys()) {
      if (findTree(state, number) === undefined) this.#trees.delete(number)
    }
  }
}
