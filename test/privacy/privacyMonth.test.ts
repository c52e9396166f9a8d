import { beforeAll, describe, expect, it } from 'vitest'
import { readMarked } from '../../bench/markedPage.ts'
import { privacyPage } from '../../bench/privacy.ts'
import { softwareMeterModel } from '../../src/meter/manufactureSoftwareMeter.ts'
import { auditReceipts } from '../../src/meter/privacyAudit.ts'
import type { Address, Hex } from '../../src/protocol/bytes.ts'
import {
  encodeCtpSubmission,
  identifyCtp,
  verifyCtpSubmission,
} from '../../src/protocol/ctpSubmission.ts'
import { packBatch, unpackBatch } from '../../src/protocol/settlementBatch.ts'
import { encodeSignedErc } from '../../src/protocol/signedErc.ts'
import { groupBy } from '../../src/simulator/privacy/groupBy.ts'
import { joinByAddress, joinByKey, joinByRoot } from '../../src/simulator/privacy/joinAccounts.ts'
import { listEvidence } from '../../src/simulator/privacy/listEvidence.ts'
import { locateMeters, locateRoots, nameOwners } from '../../src/simulator/privacy/locateMeters.ts'
import { measurePrivacy } from '../../src/simulator/privacy/measurePrivacy.ts'
import { playPrivacyMonth } from '../../src/simulator/privacy/privacyMonth.ts'
import type {
  GossipRecord,
  HomeTruth,
  PrivacyMonth,
} from '../../src/simulator/privacy/privacyRecords.ts'

let month: PrivacyMonth
let figures: Record<string, number>

beforeAll(async () => {
  month = await playPrivacyMonth()
  figures = measurePrivacy(month)
}, 120_000)

const bare = (hex: Hex) => hex.slice(2)
/** Each word of 20 bytes or more in hexadecimal, zeros apart. */
const wordsOf = (text: string): string[] => text.match(/(?!0{40})[0-9a-f]{40,}/g) ?? []

/** All that gossip carries of a trade, as it is sent. */
function textOf({ submission, receipt }: GossipRecord): string {
  const erc = receipt === undefined ? {} : encodeSignedErc(receipt)
  return JSON.stringify([encodeCtpSubmission(submission), erc])
}

const rootOf = ({ submission }: GossipRecord) => submission.evidence.coe.root
const homeOf = (account: Address): HomeTruth =>
  month.homes.find(({ accounts }) => accounts.includes(account))!
/** Some of many, evenly spread. */
const sample = <Item>(items: readonly Item[], every: number): Item[] =>
  items.filter((_, index) => index % every === 0)

describe('docs/privacy.md', () => {
  it('has the table that the month gives: npm run bench -- privacy --write', () => {
    expect(readMarked(privacyPage.path)).toBe(privacyPage.format(figures).trim())
  })
})

describe('a month of 20 meters', () => {
  it('is made of messages that nodes take', () => {
    for (const { submission, consumer } of sample(month.gossip, 200)) {
      expect(verifyCtpSubmission(month.market, submission).consumer).toBe(consumer)
    }
    expect(figures.ctps).toBeGreaterThan(20 * 30 * 19)
    expect(figures.receipts).toBe(month.gossip.filter(({ receipt }) => receipt).length)
  })

  it('P9: shows each meter key on chain once, so that keys join no accounts', () => {
    const { chain } = month
    expect(new Set(chain.map(({ item }) => item.ctp.meterKey)).size).toBe(chain.length)
    expect(joinByKey(chain)).toEqual([])
    const items = sample(chain, 20)
    const packed = packBatch(items.slice(0, 256).map(({ item }) => item))
    const roots = new Set(month.gossip.map(rootOf))
    for (const secret of [...roots, ...month.homes.map(({ meter }) => meter.meter)]) {
      expect(packed).not.toContain(bare(secret))
    }
    // It would see them: keys and producers are there.
    expect(packed).toContain(bare(items[0]!.item.ctp.meterKey))
  })

  it('shows all purchases of an account to everybody', () => {
    const { market, chain } = month
    const items = sample(chain, 100)
    const packed = unpackBatch(packBatch(items.map(({ item }) => item)))
    const read = packed.map((item) => identifyCtp(market, item).consumer)
    expect(read).toEqual(items.map(({ consumer }) => consumer))
    const { accounts, receipts, chainTradesPerAccountMean } = figures
    expect(new Set(read).size).toBe(accounts)
    expect(chainTradesPerAccountMean).toBe(receipts! / accounts!)
  })

  it('P9: shows nothing in a trade by which its own meter is known', () => {
    for (const record of month.gossip) {
      const { meter, networkAddress } = homeOf(record.consumer)
      const text = textOf(record)
      expect(text.includes(bare(meter.meter))).toBe(false)
      expect(text.includes(networkAddress)).toBe(false)
      // It would see it: the witness's is there.
      expect(text.includes(bare(record.submission.evidence.witness.meter))).toBe(true)
    }
  })

  it('P9: shares nothing between two trees of a meter that two meters do not share', () => {
    const homesOf = new Map<string, Set<string>>()
    const rootsOf = new Map<string, Set<string>>()
    for (const record of sample(month.gossip, 3)) {
      const { networkAddress } = homeOf(record.consumer)
      for (const word of new Set(wordsOf(textOf(record)))) {
        rootsOf.set(word, (rootsOf.get(word) ?? new Set()).add(rootOf(record)))
        homesOf.set(word, (homesOf.get(word) ?? new Set()).add(networkAddress))
      }
    }
    const ofSeveralTrees = [...rootsOf].filter(([, roots]) => roots.size > 1)
    const ofOneHome = ofSeveralTrees.filter(([word]) => homesOf.get(word)!.size === 1)
    expect(ofOneHome).toEqual([])
    expect(ofSeveralTrees.map(([word]) => word)).toContain(bare(softwareMeterModel))
    const terms = month.gossip.map(({ submission }) => {
      const { height, notBeforeSeconds, notAfterSeconds } = submission.evidence.coe
      return `${height} ${notAfterSeconds - notBeforeSeconds} ${notBeforeSeconds % 3_600}`
    })
    expect(new Set(terms)).toEqual(new Set([`8 ${7 * 86_400} 0`]))
  })

  it('shows which receipts are of one root', () => {
    const { gossip } = month
    const homesOf = groupBy(gossip, rootOf, ({ consumer }) => homeOf(consumer))
    expect([...homesOf.values()].every(({ size }) => size === 1)).toBe(true)
    const links = auditReceipts(listEvidence(gossip.filter(({ receipt }) => receipt)))
    expect(links.linkableReceipts).toBe(links.receipts)
    expect(links.receiptsPerRootMost).toBeLessThanOrEqual(256)
  })

  it('P9: shows no two accounts under one root, wherever in a tree a household changed', () => {
    const { gossip } = month
    expect(joinByRoot(gossip)).toEqual([])
    expect(auditReceipts(listEvidence(gossip)).accountsPerRootMost).toBe(1)
    const changed = month.homes.filter(({ change }) => change !== 'never')
    expect(changed).toHaveLength(8)
    const inMidTree = changed.filter(({ accounts: [old, fresh], change }) => {
      const rootsOf = (account: Address) =>
        gossip.filter(({ consumer }) => consumer === account).map(rootOf)
      const [before, after] = [rootsOf(old!), rootsOf(fresh!)]
      expect(Math.min(before.length, after.length)).toBeGreaterThan(0)
      const last = before.at(-1)
      return change === 'at once' && before.filter((root) => root === last).length < 256
    })
    expect(inMidTree).toHaveLength(4)
    // Some had a next tree in hand; the others’ meters got one for it, within the hour.
    const isNew = ({ accounts: [, fresh] }: HomeTruth) => {
      const { ctp, evidence } = gossip.find(({ consumer }) => consumer === fresh)!.submission
      return ctp.expirySeconds - evidence.coe.notBeforeSeconds < 3 * 3_600
    }
    expect(new Set(inMidTree.map(isNew))).toEqual(new Set([true, false]))
    // It would see them: had one CTP of each fresh account shown the old one's root.
    const shared = changed.map(({ accounts: [old, fresh] }) => {
      return { ...gossip.find(({ consumer }) => consumer === old)!, consumer: fresh! }
    })
    const joined = joinByRoot([...gossip, ...shared]).map(([account]) => homeOf(account))
    expect(new Set(joined)).toEqual(new Set(changed))
    expect(figures).toMatchObject({ gossipJoined: 0, gossipAccountsPerRootMost: 1 })
  })

  it('leaves as many meters for an account as did not witness for it', () => {
    const witnesses = groupBy(
      month.gossip,
      ({ consumer }) => consumer,
      ({ submission }) => submission.evidence.witness.meter,
    )
    const left = [...witnesses].map(([account, seen]) => {
      expect(seen.has(homeOf(account).meter.meter)).toBe(false)
      return month.homes.length - seen.size
    })
    expect(Math.min(...left)).toBe(figures.gossipCandidatesLeast)
    expect(Math.min(...left)).toBeGreaterThan(1)
    const mean = left.reduce((sum, count) => sum + count, 0) / left.length
    expect(mean).toBeCloseTo(figures.gossipCandidatesMean!, 9)
  })

  it('shows who vouched for a root, drawn evenly from all meters', () => {
    const witnesses = groupBy(
      month.gossip,
      rootOf,
      ({ submission }) => submission.evidence.witness.meter,
    )
    expect([...witnesses.values()].every(({ size }) => size === 1)).toBe(true)
    // 138 draws of 20 seldom give less.
    expect(figures.gossipWitnessSet).toBeGreaterThan(17)
    expect(figures.gossipWitnessSet).toBeLessThanOrEqual(20)
  })

  it('shows a gateway network addresses, and the meters that witness from them', () => {
    const { gateway, relay, homes } = month
    const truth = new Map(homes.map((home) => [home.networkAddress, home]))
    for (const { from, consumer } of gateway) {
      expect(truth.get(from)!.accounts).toContain(consumer)
    }
    const changed = homes.filter(({ change }) => change !== 'never')
    expect(new Set(joinByAddress(gateway).map(([account]) => homeOf(account)))).toEqual(
      new Set(changed),
    )
    for (const [from, meters] of locateMeters(relay)) {
      expect([...meters]).toEqual([truth.get(from)!.meter.meter])
    }
    expect(figures.gatewayNamedAccounts).toBe(figures.accounts)
  })

  it('P9: shows a relay boxes of one size, without root or owner', () => {
    const texts = month.relay.flatMap((record) => ('text' in record ? [record] : []))
    const accounts = month.homes.flatMap((home) => home.accounts)
    const hidden = [...new Set(month.gossip.map(rootOf)), ...accounts].map(bare)
    const owners = new Map(month.homes.map(({ networkAddress, meter }) => [networkAddress, meter]))
    for (const { from, text, witness } of texts) {
      expect(text.includes(bare(owners.get(from)!.meter))).toBe(false)
      expect(witness).not.toBe(owners.get(from)!.meter)
      expect(hidden.some((secret) => text.includes(secret))).toBe(false)
    }
    const sizes = groupBy(
      texts,
      ({ kind }) => kind,
      ({ text }) => text.length,
    )
    expect([...sizes.values()].map(({ size }) => size)).toEqual([1, 1])
    const asks = texts.filter(({ kind }) => kind === 'ask')
    expect(asks.length).toBeGreaterThanOrEqual(figures.gossipRoots!)
    expect(new Set(asks.map(({ from }) => from)).size).toBe(figures.meters)
  })

  it('lets a relay find the network address of a root by the hour of its CoE', () => {
    const located = locateRoots(month.relay, month.gossip)
    for (const record of month.gossip) {
      const from = located.get(rootOf(record))
      if (from !== undefined) expect(homeOf(record.consumer).networkAddress).toBe(from)
    }
    expect(located.size).toBe(figures.timedRoots)
    expect(located.size).toBeGreaterThan(0.9 * figures.gossipRoots!)
    expect(figures.timedJoined).toBe(figures.gatewayJoined)
  })

  it('shows a witness whose trees it signed, and no other', () => {
    const signed = new Set<string>()
    for (const [witness, records] of month.witnesses) {
      const owners = nameOwners(records)
      for (const record of month.gossip) {
        const isSigned = record.submission.evidence.witness.meter === witness
        expect(owners.has(rootOf(record))).toBe(isSigned)
        if (isSigned) expect(owners.get(rootOf(record))).toBe(homeOf(record.consumer).meter.meter)
      }
      for (const root of owners.keys()) signed.add(root)
    }
    expect(signed.size).toBe(figures.relayAsks)
    expect(figures.witnessTreesMean).toBe(signed.size / month.homes.length)
    expect(figures.witnessNamedAccountsMost).toBeLessThan(figures.accounts!)
  })

  it('shows a producer the evidence of his own trades', () => {
    const producers = month.homes.filter(({ isProducer }) => isProducer)
    const sold = producers.map(({ accounts: [account] }) =>
      month.gossip.filter(({ submission }) => submission.ctp.producer === account),
    )
    expect(sold.flat()).toHaveLength(month.gossip.length)
    const means = sold.map((own) => {
      return auditReceipts(listEvidence(own.filter(({ receipt }) => receipt))).receiptsPerRootMean
    })
    const mean = means.reduce((sum, each) => sum + each, 0) / producers.length
    expect(mean).toBeCloseTo(figures.producerReceiptsPerRootMean!, 9)
    expect(mean).toBeLessThan(figures.gossipReceiptsPerRootMean! / 3)
    expect(figures.producerCandidatesLeast).toBeGreaterThanOrEqual(figures.gossipCandidatesLeast!)
    expect(figures.producerJoinedMost).toBe(0)
  })

  it('P9: shows a manufacturer which of its meters witness, and no meter’s own trade', () => {
    const made = month.manufactured.map(({ meter }) => meter)
    expect(new Set(made)).toEqual(new Set(month.homes.map(({ meter }) => meter.meter)))
    for (const home of month.homes) {
      const own = month.gossip.filter(({ consumer }) => home.accounts.includes(consumer))
      const text = sample(own, 10).map(textOf).join()
      expect(made.filter((meter) => text.includes(bare(meter)))).not.toContain(home.meter.meter)
    }
    expect(figures).toMatchObject({ manufacturerOwnersShown: 0, manufacturerSeenWitnessing: 20 })
  })
})
