/** Bounds that every party keeps; docs/limits.md explains each. */
export const limits = {
  /** Highest tree of one-time meter keys. */
  treeHeight: 16,
  /** CTPs under one vote. */
  ctpsPerVote: 64,
  /** Members of a committee: 3f + 1 with f up to 33. */
  members: 100,
  /** Nonces an account can have open at once: the contract's window. */
  nonceWindow: 64,
  /** Items in one settlement: the bits of the event's bitmap. */
  itemsPerBatch: 256,
  /** Bytes of a Governance call. */
  governanceCallBytes: 24_576,
  /** Shortest time from now to a CTP's expiry that a member accepts. */
  shortestLifeSeconds: 5,
} as const
