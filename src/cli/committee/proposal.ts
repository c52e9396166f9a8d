import { resolve } from 'node:path'
import { decodeFunctionData } from 'viem'
import { marketAbi } from '../../abi/market.ts'
import type { Hex } from '../../protocol/bytes.ts'
import type { Committee, MemberSignature } from '../../protocol/committee.ts'
import { decodeSignatures } from '../../protocol/committee.ts'
import { decodeMarket } from '../../protocol/ctpSubmission.ts'
import { decodeMessage, decodeObject, encodeMessage } from '../../protocol/decodeMessage.ts'
import type { Market } from '../../protocol/digest.ts'
import type { Governance } from '../../protocol/messages.ts'
import { recoverMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint40 } from '../../protocol/units.ts'
import type { Cli } from '../cli.ts'
import { readJsonFile, writeJsonFile } from '../dataFolder.ts'
import { formatUtc } from '../formatEnd.ts'

/** What a committee is asked to decide, and who signed it so far. */
export type Proposal = { market: Market; message: Governance; signatures: MemberSignature[] }

/** Reads a proposal's file. Throws `file/unreadable`, `input/*`. */
export function readProposal(cli: Cli, file: string): Proposal {
  const path = resolve(cli.cwd, file)
  const json = readJsonFile(path)
  if (json === undefined) throw new SpbError('file/unreadable', `There is no file ${path}.`)
  // What is said of a proposal is read from its call, never from the file.
  const object = decodeObject(json, ['market', 'message', 'signatures'], 'proposal', ['says'])
  return {
    market: decodeMarket(object.market),
    message: decodeMessage('Governance', object.message),
    signatures: decodeSignatures(object.signatures),
  }
}

/** Writes a proposal's file. Throws `store/failed`. */
export function writeProposal(cli: Cli, file: string, proposal: Proposal): string {
  const path = resolve(cli.cwd, file)
  const { market, message, signatures } = proposal
  const encoded = encodeMessage('Governance', message)
  writeJsonFile(path, { says: describeProposal(proposal), market, message: encoded, signatures })
  return path
}

/** The call of a proposal. Throws `input/shape`. */
export function decodeCall(data: Hex) {
  try {
    return decodeFunctionData({ abi: marketAbi, data })
  } catch (cause) {
    throw new SpbError('input/shape', 'The proposal’s call is not understood.', { cause })
  }
}

/** What a proposal's call does, for a person who is to sign it. Throws `input/shape`. */
export function describeProposal({ message }: Proposal): string {
  const { functionName, args } = decodeCall(message.call)
  switch (functionName) {
    case 'setAuthority':
      return `${args[1] ? 'trust' : 'no longer trust'} the authority ${args[0].toLowerCase()}`
    case 'setManufacturer':
      return `trust meters of the manufacturer ${args[0].toLowerCase()} ${endText(args[1])}`
    case 'revokeMeter':
      return args[1] === maxUint40
        ? `trust the meter ${args[0].toLowerCase()} again, without end`
        : `revoke the meter ${args[0].toLowerCase()}: trust it ${endText(args[1])} and no longer`
    case 'openEpoch':
      return `open the next epoch with ${args[0].join(', ')}`
    default:
      throw new SpbError('input/shape', 'The proposal calls what governance does not reach.')
  }
}

/** For all who read the file, wherever and whenever they are. */
const endText = (endsSeconds: number): string =>
  endsSeconds === maxUint40 ? 'without end' : `until ${formatUtc(endsSeconds)}`

/** A proposal with one more signature, in the members' order. Throws `signature/invalid`. */
export function addSignature(
  proposal: Proposal,
  committee: Committee,
  signed: MemberSignature,
): Proposal {
  const { market, message, signatures } = proposal
  const signer = recoverMessage(market, 'Governance', message, signed.signature)
  if (signer !== committee.members[signed.member]) throw new SpbError('signature/invalid')
  const others = signatures.filter(({ member }) => member !== signed.member)
  const all = [...others, signed].sort((a, b) => a.member - b.member)
  return { ...proposal, signatures: all }
}
