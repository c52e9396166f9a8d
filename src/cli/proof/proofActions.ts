import { readFileSync, statSync } from 'node:fs'
import { resolve } from 'node:path'
import { getBlockNumber } from 'viem/actions'
import { readHeaders } from '../../adapters/chain/blockHeaders.ts'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import { parseDuration } from '../../protocol/parseText.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { writeJsonFile } from '../dataFolder.ts'
import { formatFacts } from '../formatTable.ts'
import { chainUrlOf, openNode, requireMarket } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'
import { findMembership } from './findMembership.ts'
import {
  type MembershipProof,
  mostMembershipCharacters,
  parseMembershipProof,
} from './membershipProof.ts'
import { type MembershipCheck, verifyMembership } from './verifyMembership.ts'

/** Exit code of a proof that does not hold. */
const refusedExit = 3

async function makeProof(call: Call<{ wait: string }>, text: string): Promise<MembershipProof> {
  const key = parseCtpKey(text)
  const access = openNode(call)
  const { node, folder } = access
  const ctpId = typeof key === 'string' ? key : (await node.ctp(key)).ctpId
  const rpc = connectRpc({ url: chainUrlOf(call, folder) })
  try {
    const market = await requireMarket(access)
    const { view, header } = await findMembership(
      {
        readProof: () => node.proof(ctpId),
        readHead: async () => Number(await rpc.call(() => getBlockNumber(rpc.client))),
        readHeaders: (from, to) => rpc.call(() => readHeaders(rpc, from, to)),
        nowMs: call.cli.nowMs,
      },
      parseDuration(call.options.wait) * 1_000,
    )
    const { root, digest, proof } = view
    const block =
      header === undefined
        ? null
        : { number: header.number, hash: header.hash, proposer: header.proposer ?? null }
    return { version: 1, market, ctpId, digest, root, proof, block }
  } finally {
    rpc.close()
  }
}

/** `spb proof`. Throws `ctp/unknown`, `input/*`, `node/*`, `chain/*`, `store/failed`. */
export async function proveMembership(
  call: Call<{ out?: string; wait: string }>,
  text: string,
): Promise<CommandResult> {
  const proof = await makeProof(call, text)
  const { ctpId, digest, root, block } = proof
  const { out } = call.options
  if (out !== undefined) writeJsonFile(resolve(call.cli.cwd, out), proof)
  const named =
    block === null
      ? 'no header names this root: the chain’s clients take none, or none came in time'
      : `block ${block.number} of ${block.proposer ?? 'an unnamed proposer'}`
  const place = out ?? 'FILE'
  return {
    json: proof,
    text: (palette) =>
      [
        palette.bold(`CTP ${ctpId}`),
        formatFacts(
          [
            ['database', digest === null ? 'does not hold it: it is not live' : 'holds it'],
            ['state', digest ?? 'none'],
            ['root', root],
            ['header', named],
            ['path', `${proof.proof.siblings.length} hashes`],
          ],
          palette,
        ),
        ...(out === undefined ? ['', `Write it down: spb proof ${text} --out FILE`] : []),
        `Anyone verifies it: spb proof verify ${place} --chain URL`,
      ].join('\n'),
  }
}

function readProof(path: string): MembershipProof {
  let text: string
  try {
    if (statSync(path).size > mostMembershipCharacters) {
      throw new SpbError('input/too-large', 'The file is too large for a membership proof.')
    }
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    if (cause instanceof SpbError) throw cause
    throw new SpbError('file/unreadable', `The file ${path} cannot be read.`, { cause })
  }
  return parseMembershipProof(text)
}

/** What all checks come to. */
function judge(checks: readonly MembershipCheck[]): 'failed' | 'path-valid' | 'valid' {
  if (checks.some(({ verdict }) => verdict === 'failed')) return 'failed'
  const isAnchored = checks.some(({ check, verdict }) => check === 'root' && verdict === 'passed')
  return isAnchored ? 'valid' : 'path-valid'
}

const sentences = {
  failed: 'Not valid: do not rely on it.',
  'path-valid': 'The path is right; no header vouches for its root.',
  valid: 'Valid: the header names the root that the path leads to.',
}
const marks = { passed: '✓', failed: '✗', unchecked: '–' }
const colours = { passed: 'green', failed: 'red', unchecked: 'dim' } as const

/** `spb proof verify`: asks no node, no data folder. Throws `file/*`, `input/*`, `chain/*`. */
export async function verifyProof(
  { cli, options }: Call<object>,
  file: string,
): Promise<CommandResult> {
  const proof = readProof(resolve(cli.cwd, file))
  const checks = await verifyMembership(proof, options.chain)
  const verdict = judge(checks)
  const { ctpId, digest, root, block, market } = proof
  return {
    exitCode: verdict === 'failed' ? refusedExit : 0,
    json: { verdict, market, ctpId, digest, isLive: digest !== null, root, block, checks },
    text: (palette) =>
      [
        palette.bold(`CTP ${ctpId}`),
        ...checks.map(
          ({ check, verdict: mark, detail }) =>
            `${palette[colours[mark]](marks[mark])} ${check.padEnd(10)}${detail}`,
        ),
        '',
        palette[verdict === 'failed' ? 'red' : 'bold'](sentences[verdict]),
      ].join('\n'),
  }
}
