import { describe, expect, it } from 'vitest'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'
import { seconds } from '../../protocol/units.ts'
import { joinByAddress, joinByKey, joinByKnowledge, joinByRoot } from './joinAccounts.ts'
import { countPurchases } from './listEvidence.ts'
import {
  carryToAccounts,
  excludeWitnesses,
  locateMeters,
  locateRoots,
  nameOwners,
} from './locateMeters.ts'
import type { ChainRecord, GossipRecord } from './privacyRecords.ts'
import type { RelayRecord } from './streetRelay.ts'

const address = (digit: string): Address => `0x${digit.repeat(40)}`
const root = (digit: string): Bytes32 => `0x${digit.repeat(64)}`
const [ann, ben, cem] = [address('1'), address('2'), address('3')]
const hour = 1_760_000_400

const bought = (consumer: Address, key: string) =>
  ({ consumer, item: { ctp: { meterKey: address(key) } } }) as ChainRecord

/** A commitment of an account by a tree, its witness, and the beginning of its CoE. */
function shown(consumer: Address, tree: string, witness = 'e', beginsSeconds = hour) {
  const coe = { root: root(tree), notBeforeSeconds: seconds(beginsSeconds) }
  const evidence = { coe, witness: { meter: address(witness) } }
  return { consumer, submission: { ctp: { meterKey: root('9') }, evidence } } as GossipRecord
}

const ask = (from: string, witness: string, afterHour: number): RelayRecord => ({
  ...{ kind: 'ask', from, witness: address(witness), text: '' },
  atSeconds: seconds(hour + afterHour),
})

describe('what observers link', () => {
  it('is accounts that one meter key shows on chain', () => {
    expect(joinByKey([bought(ann, 'a'), bought(ben, 'b')])).toEqual([])
    expect(joinByKey([bought(ben, 'a'), bought(ann, 'a')])).toEqual([[ann, ben]])
    expect(countPurchases([bought(ann, 'a'), bought(ann, 'b'), bought(ben, 'c')])).toEqual(
      new Map([
        [ann, 2],
        [ben, 1],
      ]),
    )
  })

  it('P9: is accounts that one root shows in gossip, were a tree shared', () => {
    expect(joinByRoot([shown(ann, 'a'), shown(ben, 'b')])).toEqual([])
    const all = [shown(ann, 'a'), shown(ben, 'a'), shown(cem, 'a'), shown(ann, 'a')]
    expect(joinByRoot(all)).toEqual([
      [ann, ben],
      [ann, cem],
      [ben, cem],
    ])
  })

  it('is accounts and meters at one network address', () => {
    const atSeconds = seconds(hour)
    const sent = (from: string, consumer: Address) => ({ from, atSeconds, consumer })
    const gateway = [sent('n', ann), sent('m', ben), sent('n', cem)]
    expect(joinByAddress(gateway)).toEqual([[ann, cem]])
    const post = { kind: 'post', from: 'n', atSeconds, meter: address('e') } as const
    expect(locateMeters([post, ask('m', 'e', 0)])).toEqual(new Map([['n', new Set([post.meter])]]))
  })

  it('is the meters that are left when those that witnessed are excluded', () => {
    const meters = new Set([address('d'), address('e'), address('f')])
    const left = excludeWitnesses([shown(ann, 'a', 'e'), shown(ann, 'b', 'f')], meters)
    expect(left).toEqual(new Map([[ann, new Set([address('d')])]]))
  })

  it('is the network address that alone asked a witness in the hour of a CoE', () => {
    const gossip = [shown(ann, 'a')]
    const found = new Map([[root('a'), 'n']])
    expect(locateRoots([ask('n', 'e', 400), ask('m', 'f', 400)], gossip)).toEqual(found)
    // What is asked for in the first minutes of an hour begins an hour before.
    expect(locateRoots([ask('n', 'e', 400), ask('m', 'e', 250)], gossip)).toEqual(found)
    expect(locateRoots([ask('n', 'e', 400), ask('m', 'e', 3_899)], gossip)).toEqual(new Map())
    expect(locateRoots([ask('n', 'e', 3_900)], gossip)).toEqual(new Map())
  })

  it('is what a witness knows of roots, carried to accounts', () => {
    const owner = address('d')
    const owners = nameOwners([
      { owner, root: root('a') },
      { owner, root: root('b') },
    ])
    const known = carryToAccounts([shown(ann, 'a'), shown(ben, 'b'), shown(cem, 'c')], owners)
    expect([...known.keys()]).toEqual([ann, ben])
    expect(joinByKnowledge(known)).toEqual([[ann, ben]])
  })
})
