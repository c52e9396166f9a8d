import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { MeterBinding, MeterTree, OpenMeterState } from '../../ports/meterStorage.ts'
import { wh } from '../../protocol/units.ts'
import { decodeMeterState } from './meterStateCodec.ts'
import { writeMeterState } from './meterStateText.ts'
import { someState } from './meterStorage.testCases.ts'

const { seed: _, ...openState } = someState

const textOf = (state: OpenMeterState) => Buffer.concat(writeMeterState(state)).toString('utf8')

/** The text as it is where all of it is written anew. */
function freshTextOf({ trees, certificate, ...rest }: OpenMeterState): string {
  const listed = trees.map(({ coe, bindings, ...tree }) => ({ ...tree, coe, bindings }))
  return JSON.stringify({ ...rest, certificate, trees: listed }, (_, value: unknown) =>
    typeof value === 'bigint' ? value.toString() : value,
  )
}

const firstTree = openState.trees[0]!
const firstBinding = firstTree.bindings[0]!

function changeTree(state: OpenMeterState, at: number, change: (tree: MeterTree) => MeterTree) {
  const place = at % state.trees.length
  return { ...state, trees: state.trees.with(place, change(state.trees[place]!)) }
}

function changeBinding(tree: MeterTree, at: number, change: Partial<MeterBinding>): MeterTree {
  if (tree.bindings.length === 0) return tree
  const place = at % tree.bindings.length
  const bindings = tree.bindings.with(place, { ...tree.bindings[place]!, ...change })
  return { ...tree, bindings }
}

/** A change as a meter makes between two saves; what it does not change stays the same object. */
type Change = (state: OpenMeterState) => OpenMeterState

const places = fc.nat(20)
const changes: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(places, places, fc.nat(1_000)).map(([tree, place, energyWh]): Change => {
    const change = { deliveredWh: wh(energyWh), signedWh: wh(energyWh) }
    return (state) => changeTree(state, tree, (old) => changeBinding(old, place, change))
  }),
  fc.tuple(places, places, fc.boolean()).map(([tree, place, isReleased]): Change => {
    return (state) => changeTree(state, tree, (old) => changeBinding(old, place, { isReleased }))
  }),
  places.map((tree): Change => {
    return (state) => changeTree(state, tree, (old) => ({ ...old, nextLeaf: old.nextLeaf + 1 }))
  }),
  fc.tuple(places, fc.nat(99)).map(([tree, order]): Change => {
    const binding = { ...firstBinding, order }
    return (state) =>
      changeTree(state, tree, (old) => ({ ...old, bindings: [...old.bindings, binding] }))
  }),
  fc.nat(99).map((number): Change => {
    const tree = { ...firstTree, number, bindings: [] }
    return (state) => ({ ...state, trees: [...state.trees, tree] })
  }),
  fc.constant<Change>((state) => ({ ...state, trees: state.trees.slice(-3) })),
  fc.string().map(
    (name): Change =>
      (state) => ({ ...state, name }),
  ),
  fc.nat(99).map(
    (nextOrder): Change =>
      (state) => ({ ...state, nextOrder }),
  ),
)

describe('the text of a meter’s state', () => {
  it('is byte for byte what writing all of it anew gives, after any changes', () => {
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 30 }), (steps) => {
        let state: OpenMeterState = openState
        for (const step of steps) {
          state = step(state)
          expect(textOf(state)).toBe(freshTextOf(state))
        }
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  it('says what the state is, to which its earlier forms add nothing', () => {
    const whole: MeterTree = { ...firstTree, height: 16, nextLeaf: 1_000 }
    fc.assert(
      fc.property(fc.array(changes, { maxLength: 10 }), (steps) => {
        const start: OpenMeterState = { ...openState, trees: [whole] }
        const state = steps.reduce((before, step) => {
          textOf(before)
          return step(before)
        }, start)
        const trees = state.trees.map((tree) => ({ ...tree, height: 16 }))
        const bounded = { ...state, trees }
        expect(decodeMeterState(JSON.parse(textOf(bounded)))).toEqual(bounded)
      }),
      { seed: 1, numRuns: 100 },
    )
  })

  it('of a state without trees is JSON too', () => {
    const empty = { ...openState, trees: [] }
    expect(decodeMeterState(JSON.parse(textOf(empty)))).toEqual(empty)
  })
})
