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
  /** Member → its newest peer record. */
  peerRecord: 10,
  /** Epoch, member → two votes that prove that it cheats. */
  equivocation: 11,
  /** Account → the highest nonce that members of an ended epoch reported. */
  nonceFloor: 12,
  /** Epoch and member → that member's last word. */
  epochEnd: 13,
  /** Votes root and page → a part of a report; votes root alone → pages, once all are there. */
  reportPage: 14,
  /** Account and nonce → a CTP that was signed at it: voided here, or reported. */
  shownCtp: 15,
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
  /** Chain: epoch → its members, when it ended, and their last words that count. */
  committee: 23,
} as const
