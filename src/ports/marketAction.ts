import type { Address, Hex, Signature } from '../protocol/bytes.ts'
import type { Seconds, Wei, Wh } from '../protocol/units.ts'

/** What anyone may ask of a market contract, batch settlements apart: one transaction each. */
export type MarketAction =
  | { kind: 'deposit'; amountWei: Wei }
  | { kind: 'depositFor'; account: Address; amountWei: Wei }
  | { kind: 'requestWithdrawal'; amountWei: Wei }
  | { kind: 'cancelWithdrawal' }
  | { kind: 'withdraw' }
  | { kind: 'fixPayout'; payout: Address }
  | { kind: 'openEnergyAccount'; burnedWei: Wei }
  | {
      kind: 'openEnergyAccountWithCertificate'
      authority: Address
      notAfterSeconds: Seconds
      signature: Signature
    }
  | {
      kind: 'addEnergy'
      energyWh: Wh
      priceWeiPerKwh: bigint
      isNegotiable: boolean
      untilSeconds: Seconds
      negotiationKey: Hex
    }
  | { kind: 'withdrawOffer'; offerId: bigint }
  /** `item` is packed as in `settle`, `votes` as `packProofVotes` does. */
  | {
      kind: 'settleWithProof'
      epoch: number
      item: Hex
      votes: Hex
      measuredAtSeconds: Seconds
      ercSignature: Signature
    }
  /** The same item and votes; delivered energy is 0. */
  | { kind: 'decline'; epoch: number; item: Hex; votes: Hex }
  /** `call` is an encoded call of a governed function (`encodeGovernance.ts`); `votes` packed. */
  | { kind: 'governance'; epoch: number; sequence: bigint; call: Hex; votes: Hex }
