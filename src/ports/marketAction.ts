import type { Address, Hex, Signature } from '../protocol/bytes.ts'
import type { Seconds, Wei, Wh } from '../protocol/units.ts'

/** What anyone may ask of a market contract, settlements apart: one transaction each. */
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
  /** `call` is an encoded call of `openEpoch` or `setAuthority`; `votes` are packed. */
  | { kind: 'governance'; epoch: number; sequence: bigint; call: Hex; votes: Hex }
