import { resolve } from 'node:path'
import { readKeyFile } from '../../adapters/keys/keyFile.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { packSignatures, quorumOf, verifyQuorum } from '../../protocol/committee.ts'
import type { EpochView } from '../../protocol/epochView.ts'
import { addressOf, signMessage } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createMarketClient } from '../../sdk/marketClient.ts'
import { applyGovernance } from '../../sdk/marketContract.ts'
import { openAccount } from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { listNodeUrls, openNode } from '../nodeAccess.ts'
import { openNodeKey } from '../nodeKeys.ts'
import type { PasswordOptions } from '../password.ts'
import { describeTransaction } from '../transaction.ts'
import { readDecider, requireCurrent } from './decider.ts'
import { describeEnds } from './endEpoch.ts'
import { createEpochClient } from './epochClient.ts'
import { addSignature, describeProposal, readProposal, writeProposal } from './proposal.ts'
import { requireReports } from './proposeMembers.ts'

/** `spb committee show`. Throws `node/unreachable`, `chain/unreachable`. */
export async function showCommittee(call: Call<object>): Promise<CommandResult> {
  const { committee, sequence } = await readDecider(call)
  const { members, epoch } = committee
  const quorum = quorumOf(committee)
  const view = await readEpoch(call)
  const wordOf = (index: number) =>
    view?.ends.some(({ member }) => member === index) ? ' (ended the epoch)' : ''
  return {
    json: {
      ...{ epoch, members, quorum, governanceSequence: sequence },
      ...(view === undefined ? {} : describeEnds(view)),
    },
    text: (palette) =>
      [
        `${palette.bold(`Epoch ${epoch}`)}: a committee of ${members.length}, quorum ${quorum}`,
        formatFacts(
          [
            ...members.map(
              (member, index) =>
                [`member ${index}`, `${member}${wordOf(index)}`] as [string, string],
            ),
            ['next sequence', sequence.toString()],
          ],
          palette,
        ),
        ...(view === undefined || view.isStarted
          ? []
          : [`The node waits for ${view.missingReports.length} reports of epoch ${epoch - 1}.`]),
      ].join('\n'),
  }
}

/** How far the epoch is; undefined at a node that says nothing of it. */
async function readEpoch(call: Call<object>): Promise<EpochView | undefined> {
  const [url] = listNodeUrls(dataFolderOf(call.cli, call.options), call.options.node)
  try {
    return await createEpochClient(url!).epoch()
  } catch (error) {
    if (error instanceof SpbError && error.code === 'node/not-found') return undefined
    throw error
  }
}

/**
 * `spb committee sign`. Throws `signature/invalid`, `certificate/wrong-epoch`,
 * `epoch/reports-missing`, `file/*`.
 */
export async function signProposal(
  call: Call<{ key?: string }>,
  file: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const { folder } = openNode(call)
  const proposal = readProposal(cli, file)
  const { market, committee } = await readDecider(call)
  requireCurrent(proposal.market, proposal.message.epoch, { market, committee })
  await requireReports(call, proposal)
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
