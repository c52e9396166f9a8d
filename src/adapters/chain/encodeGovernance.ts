import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { SignedEpochEnd } from '../../ports/chain.ts'
import type { Address, Hex } from '../../protocol/bytes.ts'

/** The call that governance signs to trust an authority, or no longer. */
export function encodeSetAuthority(authority: Address, isTrusted: boolean): Hex {
  const args = [authority, isTrusted] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'setAuthority', args })
}

/** The call that governance signs to end its epoch; `ends` are a quorum's, ordered by member. */
export function encodeOpenEpoch(members: readonly Address[], ends: readonly SignedEpochEnd[]): Hex {
  const words = ends.map(({ member, votesRoot, signature }) => ({
    memberIndex: member,
    votesRoot,
    signature64: signature,
  }))
  const args = [members, words] as const
  return encodeFunctionData({ abi: marketAbi, functionName: 'openEpoch', args })
}
