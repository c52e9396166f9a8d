import type { EpochView } from '../../protocol/epochView.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { listNodeUrls } from '../nodeAccess.ts'
import { createEpochClient } from './epochClient.ts'
import { readOperatorToken } from './operatorToken.ts'

/**
 * `spb committee end`. Throws `epoch/not-operator`, `epoch/not-started`, `node/not-voting` and
 * whatever else keeps the member from voting.
 */
export async function endEpoch(call: Call<object>): Promise<CommandResult> {
  const folder = dataFolderOf(call.cli, call.options)
  const [url] = listNodeUrls(folder, call.options.node)
  const view = await createEpochClient(url!).endEpoch(readOperatorToken(folder))
  const { epoch, ends, quorum } = view
  return {
    json: describeEnds(view),
    text: () =>
      [
        `This member ended epoch ${epoch}: it votes no more until the next one opens.`,
        ends.length < quorum
          ? `${ends.length} of ${quorum} members ended it: the others run the same command.`
          : `${ends.length} members ended it. Name the next ones: ` +
            'spb committee propose members ADDRESS… --out next.json',
      ].join('\n'),
  }
}

/** What a node says of the epoch, as commands print it. */
export function describeEnds(view: EpochView) {
  const { epoch, quorum, isStarted, hasEnded, missingReports, ends } = view
  return {
    ...{ epoch, quorum, isStarted, hasEnded, missingReports },
    ends: ends.map(({ member, votesRoot, hasReport }) => ({ member, votesRoot, hasReport })),
  }
}
