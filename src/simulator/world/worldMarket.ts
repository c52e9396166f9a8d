import type { MarketFacts } from '../../ports/chain.ts'
import type { Address } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import { addressOf } from '../../protocol/signature.ts'
import { seconds, wei } from '../../protocol/units.ts'

/** Somebody with a key. */
export type WorldParty = { key: Uint8Array; address: Address }

const parties = new Map<string, WorldParty>()

/** The party of a name: the same in every world, so each key is made once. */
export function worldPartyOf(name: string): WorldParty {
  let party = parties.get(name)
  if (party === undefined) {
    const key = keccak256(new TextEncoder().encode(`spb world ${name}`))
    party = { key, address: addressOf(key) }
    parties.set(name, party)
  }
  return party
}

/** When each world begins. */
export const worldStartSeconds = 1_700_000_000

/** Time between two blocks. */
export const blockMs = 2_000

/** Depth that nodes wait for; no reorganisation is deeper. */
export const worldConfirmations = 2

/** A market whose trades live for a minute at most, so that a short run sees whole lives. */
export const worldFacts: MarketFacts = {
  chainId: 1_337,
  address: `0x${'5b'.repeat(20)}`,
  deploymentBlock: 0,
  options: {
    longestLifeSeconds: seconds(40),
    graceSeconds: seconds(30),
    withdrawalDelaySeconds: seconds(80),
    minimumAmountWei: wei(10n),
    feeWei: wei(1n),
    burnWei: wei(0n),
  },
}

/** From one CTP's signature until its money is free at the latest. */
export const wholeLifeSeconds =
  worldFacts.options.longestLifeSeconds + worldFacts.options.graceSeconds
