import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { SignedEpochEnd } from '../../ports/chain.ts'
import type { Address, Hex } from '../../protocol/bytes.ts'
import type { Seconds } from '../../protocol/units.ts'

/** The call that governance signs to trust an authority, or no longer. */
function encodeSetAuthority(authority: Address, isTrusted: boolean): Hex {
  const args = [authority, isTrusted] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'setAuthority', args })
}

/** The call that governance signs to end its epoch; `ends` are a quorum's, ordered by member. */
function encodeOpenEpoch(members: readonly Address[], ends: readonly SignedEpochEnd[]): Hex {
  const words = ends.map(({ member, votesRoot, signature }) => ({
    memberIndex: member,
    votesRoot,
    signature64: signature,
  }))
  const args = [members, words] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'openEpoch', args })
}

/** The call that governance signs to trust a manufacturer's meters until an end, or to end that. */
function encodeSetManufacturer(manufacturer: Address, endsSeconds: Seconds): Hex {
  const args = [manufacturer, endsSeconds] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'setManufacturer', args })
}

/** The call that governance signs to trust a meter no more from an end on. */
function encodeRevokeMeter(meter: Address, endsSeconds: Seconds): Hex {
  const args = [meter, endsSeconds] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'revokeMeter', args })
}

/** The calls that governance signs, encoded as the contract takes them. */
export const governanceEncoders = {
  encodeSetAuthority,
  encodeOpenEpoch,
  encodeSetManufacturer,
  encodeRevokeMeter,
}
