import type { Bytes32 } from '../protocol/bytes.ts'
import type { SignedErc } from '../protocol/signedErc.ts'
import type { CtpState } from '../protocol/views.ts'

/** What a running meter asks of the market's nodes. */
export type MeterGateway = {
  /**
   * Hands a receipt to the nodes; resolves once `f + 1` members keep it. The same or a lower one
   * again is no failure. Throws a final refusal (`erc/late`, `erc/closed`, `erc/wrong-key`,
   * `erc/unknown-ctp`) or what passes (`node/*`).
   */
  sendReceipt(signed: SignedErc): Promise<void>
  /** What became of a CTP; undefined where no node knows it. Throws `node/*`. */
  stateOf(ctpId: Bytes32): Promise<CtpState | undefined>
}
