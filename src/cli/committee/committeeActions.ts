import { resolve } from 'node:path'
import { encodeFunctionData } from 'viem'
import { readContract } from 'viem/actions'
import { marketAbi } from '../../abi/market.ts'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import { readKeyFile } from '../../adapters/keys/keyFile.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { type Committee, packSignatures, quorumOf, verifyQuorum } from '../../protocol/committee.ts'
import type { Market } from '../../protocol/digest.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createMarketClient } from '../../sdk/marketClient.ts'
import { applyGovernance } from '../../sdk/marketContract.ts'
import { openAccount, resolveAddress } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { formatFacts } from '../formatTable.ts'
import { chainUrlOf, openNode, requireMarket } from '../nodeAccess.ts'
import { openNodeKey } from '../nodeKeys.ts'
import type { PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'
import { addSignature, describeProposal, readProposal, writeProposal } from './proposal.ts'

type Decider = { market: Market; committee: Committee; sequence: bigint; chainUrl: string }

/** The committee as the node knows it, and the sequence that the contract expects next. */
async function readDecider(call: Call<object>): Promise<Decider> {
  const access = openNode(call)
  const market = await requireMarket(access)
  const { committee: members, epoch } = await access.node.status()
  const chainUrl = chainUrlOf(call, access.folder)
  const rpc = connectRpc({ url: chainUrl })
  try {
    const { address } = market
    const contract = { address, abi: marketAbi, functionName: 'governanceSequence' } as const
    const sequence = await rpc.call(() => readContract(rpc.client, contract))
    return { market, committee: { epoch, members }, sequence, chainUrl }
  } finally {
    rpc.close()
  }
}

/** `spb committee show`. Throws `node/unreachable`, `chain/unreachable`. */
export async function showCommittee(call: Call<object>): Promise<CommandResult> {
  const { committee, sequence } = await readDecider(call)
  const { members, epoch } = committee
  const quorum = quorumOf(committee)
  return {
    json: { epoch, members, quorum, governanceSequence: sequence },
    text: (palette) =>
      [
        `${palette.bold(`Epoch ${epoch}`)}: a committee of ${members.length}, quorum ${quorum}`,
        formatFacts(
          [
            ...members.map((member, index) => [`member ${index}`, member] as [string, string]),
            ['next sequence', sequence.toString()],
          ],
          palette,
        ),
      ].join('\n'),
  }
}

type ProposeOptions = { out: string; revoke?: true }

/** `spb committee propose`. Throws `input/address`, `account/unknown`, `store/failed`. */
export async function proposeAuthority(
  call: Call<ProposeOptions>,
  text: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const { folder } = openNode(call)
  const authority = resolveAddress(folder, text)
  const { market, committee, sequence } = await readDecider(call)
  const data = encodeFunctionData({
    abi: marketAbi,
    functionName: 'setAuthority',
    args: [authority, options.revoke !== true],
  })
  const message = { epoch: committee.epoch, sequence, call: data }
  const proposal = { market, message, signatures: [] }
  const path = writeProposal(cli, options.out, proposal)
  const says = describeProposal(proposal)
  return {
    json: { file: path, says, epoch: committee.epoch, sequence, quorum: quorumOf(committee) },
    text: () =>
      `Proposal to ${says}: ${path}\n` +
      `A quorum of ${quorumOf(committee)} signs it: spb committee sign ${options.out}`,
  }
}

/** `spb committee sign`. Throws `signature/invalid`, `certificate/wrong-epoch`, `file/*`. */
export async function signProposal(
  call: Call<{ key?: string }>,
  file: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const { folder } = openNode(call)
  const proposal = readProposal(cli, file)
  const { market, committee } = await readDecider(call)
  requireCurrent(proposal.market, proposal.message.epoch, { market, committee })
  const key =
    options.key === undefined
      ? openNodeKey(folder, 'member')
      : readKeyFile(resolve(cli.cwd, options.key))
  const member = committee.members.indexOf(addressOf(key))
  if (member < 0) {
    throw new SpbError('signature/invalid', 'The key is not that of a member.', {
      hint: 'Give a member’s key file: --key FILE. The members: spb committee show.',
    })
  }
  const signature = signMessage(market, 'Governance', proposal.message, key)
  const signed = addSignature(proposal, committee, { member, signature })
  writeProposal(cli, file, signed)
  const [count, quorum] = [signed.signatures.length, quorumOf(committee)]
  return {
    json: { says: describeProposal(signed), member, signatures: count, quorum },
    text: () =>
      `Member ${member} agrees to ${describeProposal(signed)}: ${count} of ${quorum} signatures.` +
      (count >= quorum ? `\nSend it: spb committee apply ${file}` : ''),
  }
}

function requireCurrent(
  market: Market,
  epoch: number,
  now: Pick<Decider, 'market' | 'committee'>,
): void {
  if (market.address !== now.market.address || market.chainId !== now.market.chainId) {
    throw new SpbError('ctp/wrong-market', 'The proposal is for another market.')
  }
  if (epoch !== now.committee.epoch) throw new SpbError('certificate/wrong-epoch')
}

type ApplyOptions = PasswordOptions & { account?: string }

/** `spb committee apply`. Throws `certificate/too-few-votes`, `chain/*`. */
export async function applyProposal(
  call: Call<ApplyOptions>,
  file: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const { folder } = openNode(call)
  const proposal = readProposal(cli, file)
  const { market, committee, chainUrl } = await readDecider(call)
  const { message, signatures } = proposal
  requireCurrent(proposal.market, message.epoch, { market, committee })
  // The contract takes exactly a quorum.
  const votes = signatures.slice(0, quorumOf(committee))
  verifyQuorum(market, committee, 'Governance', message, votes)
  const { account } = options
  const payerKey =
    account === undefined
      ? openNodeKey(folder, 'member')
      : (await openAccount(cli, folder, account, options)).privateKey
  const client = createMarketClient({ url: chainUrl, market, privateKey: bytesToHex(payerKey) })
  const receipt = await applyGovernance(client, message, packSignatures(votes))
  const says = describeProposal(proposal)
  return describeTransaction(`The committee decided to ${says}.`, receipt, { says })
}
