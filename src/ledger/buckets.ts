/** Numbers of the store's buckets; a number once used is never given another meaning. */
export const buckets = {
  /** Text name → value: schema, next number, confirmed block. */
  meta: 0,
  /** Number → the CTP as it was submitted; never changes. */
  ctp: 1,
  /** ctpId → what can still move: proposed, held, receipted. */
  live: 2,
  /** ctpId → how it ended. */
  closed: 3,
  /** Account and nonce → what this member signed or knows there. */
  nonce: 4,
  /** ctpId → epoch and votes of its hold certificate. */
  certificate: 5,
  /** Account and nonce → void certificate. */
  voided: 6,
  /** ctpId → highest receipt. */
  receipt: 7,
  /** Account and number → nothing: both parties' CTPs in order. */
  byAccount: 8,
  /** Number → a batch that this node signed, packed. */
  batch: 9,
  /** Chain: account → its state at the confirmed block. */
  account: 16,
  /** Chain: offer id → offer, and how much of it was sold. */
  offer: 17,
  /** Chain: ctpId → the transaction that paid it. */
  settlement: 18,
  /** Chain: account → nothing; it opened an energy account. */
  energyAccount: 19,
  /** Chain: block number → what the update up to it replaced, for roll-back. */
  undo: 20,
  /** Chain: manufacturer → end of its standing. */
  manufacturer: 21,
  /** Chain: revoked meter → end of its standing. */
  revokedMeter: 22,
} as const
