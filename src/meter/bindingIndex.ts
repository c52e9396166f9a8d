import type { MeterState } from '../ports/meterStorage.ts'
import type { Bytes32 } from '../protocol/bytes.ts'
import { SpbError } from '../protocol/spbError.ts'
import { type BindingPlace, findTree } from './meterTrees.ts'

/** Where a meter's bindings are, by CTP, and which of them may still take energy. */
export class BindingIndex {
  readonly #places = new Map<Bytes32, BindingPlace>()
  /** In the order of binding. */
  #open: BindingPlace[]

  constructor({ trees }: Pick<MeterState, 'trees'>) {
    const ordered: { place: BindingPlace; order: number }[] = []
    for (const tree of trees) {
      for (const [position, { ctpId, order }] of tree.bindings.entries()) {
        const place = { tree: tree.number, position }
        this.#places.set(ctpId, place)
        ordered.push({ place, order })
      }
    }
    this.#open = ordered.sort((a, b) => a.order - b.order).map(({ place }) => place)
  }

  /** Undefined for a CTP that is not bound. */
  find(ctpId: Bytes32): BindingPlace | undefined {
    return this.#places.get(ctpId)
  }

  /** Throws `erc/unknown-ctp`. */
  placeOf(ctpId: Bytes32): BindingPlace {
    const place = this.#places.get(ctpId)
    if (place === undefined) {
      throw new SpbError('erc/unknown-ctp', 'The meter is not bound to a CTP of this id.')
    }
    return place
  }

  /** Adds the newest binding. */
  add(ctpId: Bytes32, place: BindingPlace): void {
    this.#places.set(ctpId, place)
    this.#open.push(place)
  }

  /** Those that are not finished, in the order of binding. A binding once finished stays so. */
  unfinished(isUnfinished: (place: BindingPlace) => boolean): readonly BindingPlace[] {
    this.#open = this.#open.filter(isUnfinished)
    return this.#open
  }

  /** Drops the bindings of trees that a state does not hold. */
  forgetLost(state: Pick<MeterState, 'trees'>): void {
    const isKept = ({ tree }: BindingPlace) => findTree(state, tree) !== undefined
    for (const [ctpId, place] of this.#places) if (!isKept(place)) this.#places.delete(ctpId)
    this.#open = this.#open.filter(isKept)
  }
}
