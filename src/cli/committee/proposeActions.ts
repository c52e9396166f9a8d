import { encodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { Hex } from '../../protocol/bytes.ts'
import { quorumOf } from '../../protocol/committee.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40, type Seconds, seconds } from '../../protocol/units.ts'
import { resolveAddress } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatUtc } from '../formatEnd.ts'
import { formatSpan } from '../formatTime.ts'
import { resolveMeter } from '../manufacturer/ownManufacturer.ts'
import { openNode, readChainTime } from '../nodeAccess.ts'
import { parseEnd } from '../parseEnd.ts'
import { readDecider } from './decider.ts'
import { describeProposal, writeProposal } from './proposal.ts'

/** Longer than members take to sign: the end is fixed in what they sign. */
const signingMarginSeconds = 600

/** Where a proposal is written. */
export type OutOptions = { out: string }

/** Writes a proposal’s file, and says who signs it, and until when it can be sent. */
export async function propose(
  call: Call<OutOptions>,
  data: Hex,
  applyUntilSeconds?: Seconds,
): Promise<CommandResult> {
  const { cli, options } = call
  const { market, committee, sequence } = await readDecider(call)
  const { epoch } = committee
  const proposal = { market, message: { epoch, sequence, call: data }, signatures: [] }
  const path = writeProposal(cli, options.out, proposal)
  const says = describeProposal(proposal)
  const quorum = quorumOf(committee)
  return {
    json: {
      ...{ file: path, says, epoch, sequence, quorum },
      ...(applyUntilSeconds === undefined ? {} : { applyUntilSeconds }),
    },
    text: () =>
      [
        `Proposal to ${says}: ${path}`,
        `A quorum of ${quorum} signs it: spb committee sign ${options.out}`,
        ...(applyUntilSeconds === undefined
          ? []
          : [
              `The contract takes it until ${formatUtc(applyUntilSeconds)}, since the end is near.`,
            ]),
      ].join('\n'),
  }
}

type AuthorityOptions = OutOptions & { revoke?: true }

/** `spb committee propose authority`. Throws `input/address`, `account/unknown`, `store/failed`. */
export async function proposeAuthority(
  call: Call<AuthorityOptions>,
  text: string,
): Promise<CommandResult> {
  const authority = resolveAddress(openNode(call).folder, text)
  const args = [authority, call.options.revoke !== true] as const
  return await propose(
    call,
    encodeFunctionData({ abi: marketAbi, functionName: 'setAuthority', args }),
  )
}

type EndOptions = OutOptions & { ends?: string }

/** An end of a standing, and until when the contract takes it: both undefined without an end. */
type StandingEnd = { endsSeconds: Seconds; applyUntilSeconds?: Seconds }

const noEnd: StandingEnd = { endsSeconds: seconds(maxUint40) }

/**
 * The end of a standing that a person typed (`never`: none), or the earliest one that leaves time
 * to sign. The contract refuses ends that could kill a live hold. Throws `input/time`.
 */
async function readStandingEnd(call: Call<EndOptions>): Promise<StandingEnd> {
  const { ends } = call.options
  if (ends === 'never') return noEnd
  const access = openNode(call)
  const { longestLifeSeconds } = (await access.node.market()).options
  const nowSeconds = await readChainTime(call, access)
  const earliestSeconds = nowSeconds + longestLifeSeconds
  const endsSeconds =
    ends === undefined
      ? seconds(earliestSeconds + signingMarginSeconds)
      : parseEnd(ends, nowSeconds)
  if (endsSeconds < earliestSeconds) {
    throw new SpbError(
      'input/time',
      `A standing cannot end before ${formatUtc(earliestSeconds)}: CTPs that are certified now ` +
        `may last ${formatSpan(longestLifeSeconds)}.`,
      {
        hint: `Choose a later end, and leave time to sign: --ends ${spanFor(longestLifeSeconds)}.`,
        meta: { earliestSeconds },
      },
    )
  }
  return { endsSeconds, applyUntilSeconds: seconds(endsSeconds - longestLifeSeconds) }
}

/** The next whole hour that leaves time to sign, as a person types it. */
const spanFor = (lifeSeconds: number): string =>
  `${Math.ceil((lifeSeconds + signingMarginSeconds) / 3600)}h`

/** `spb committee propose manufacturer`. Throws `input/address`, `input/time`, `store/failed`. */
export async function proposeManufacturer(
  call: Call<EndOptions>,
  text: string,
): Promise<CommandResult> {
  const manufacturer = decodeAddress(text.replace(/^0X/, '0x'), `“${text.slice(0, 50)}”`)
  const { endsSeconds, applyUntilSeconds } =
    call.options.ends === undefined ? noEnd : await readStandingEnd(call)
  const args = [manufacturer, endsSeconds] as const
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'setManufacturer', args })
  return await propose(call, data, applyUntilSeconds)
}

/**
 * `spb committee propose revoke-meter`. Throws `input/address`, `input/time`, `meter/unknown`,
 * `store/failed`.
 */
export async function proposeMeterRevocation(
  call: Call<EndOptions>,
  text: string,
): Promise<CommandResult> {
  const { meter } = resolveMeter(openNode(call).folder, text)
  const { endsSeconds, applyUntilSeconds } = await readStandingEnd(call)
  const args = [meter, endsSeconds] as const
  const data = encodeFunctionData({ abi: marketAbi, functionName: 'revokeMeter', args })
  return await propose(call, data, applyUntilSeconds)
}
