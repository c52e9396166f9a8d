import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { MarketAction } from '../../ports/marketAction.ts'
import type { Hex } from '../../protocol/bytes.ts'

const abi = marketAbi

function encodeData(action: MarketAction): Hex {
  switch (action.kind) {
    case 'depositFor':
      return encodeFunctionData({ abi, functionName: action.kind, args: [action.account] })
    case 'requestWithdrawal':
      return encodeFunctionData({ abi, functionName: action.kind, args: [action.amountWei] })
    case 'fixPayout':
      return encodeFunctionData({ abi, functionName: action.kind, args: [action.payout] })
    case 'openEnergyAccountWithCertificate': {
      const args = [action.authority, action.notAfterSeconds, action.signature] as const
      return encodeFunctionData({ abi, functionName: action.kind, args })
    }
    case 'addEnergy': {
      const { energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey } = action
      const args = [energyWh, priceWeiPerKwh, isNegotiable, untilSeconds, negotiationKey] as const
      return encodeFunctionData({ abi, functionName: action.kind, args })
    }
    case 'withdrawOffer':
      return encodeFunctionData({ abi, functionName: action.kind, args: [action.offerId] })
    case 'settleWithProof': {
      const { epoch, item, votes, measuredAtSeconds, ercSignature } = action
      const args = [epoch, item, votes, measuredAtSeconds, ercSignature] as const
      return encodeFunctionData({ abi, functionName: action.kind, args })
    }
    case 'decline': {
      const args = [action.epoch, action.item, action.votes] as const
      return encodeFunctionData({ abi, functionName: action.kind, args })
    }
    case 'governance': {
      const args = [action.epoch, action.sequence, action.call, action.votes] as const
      return encodeFunctionData({ abi, functionName: action.kind, args })
    }
    default:
      return encodeFunctionData({ abi, functionName: action.kind })
  }
}

/** An action as the market contract takes it: call data, and the ether that goes with it. */
export function encodeAction(action: MarketAction): { data: Hex; value: bigint } {
  const data = encodeData(action)
  if (action.kind === 'openEnergyAccount') return { data, value: action.burnedWei }
  const isDeposit = action.kind === 'deposit' || action.kind === 'depositFor'
  return { data, value: isDeposit ? action.amountWei : 0n }
}
