import { resolve } from 'node:path'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import { decodeAddress } from '../../protocol/decodeMessage.ts'
import { type VerifyOptions, verifyTradeProof } from '../../sdk/verifyTradeProof.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { openNode, requireMarket } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'
import { proofOfDossier } from '../producer/findProof.ts'
import { describeProof } from './describeProof.ts'
import { readProofFile, writeProofFile } from './proofFile.ts'

type ExportOptions = { out?: string; force?: true }

/** `spb receipt export`. Throws `proof/not-certified`, `ctp/unknown`, `file/exists`, `node/*`. */
export async function exportReceipt(
  call: Call<ExportOptions>,
  text: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const key = parseCtpKey(text)
  const access = openNode(call)
  const [market, dossier] = await Promise.all([requireMarket(access), access.node.ctp(key)])
  const { proof, ctpId } = proofOfDossier(market, dossier, key)
  const { number, state } = dossier
  const path = resolve(cli.cwd, options.out ?? `receipt-${number}.json`)
  writeProofFile(path, proof, { isReplacing: options.force === true })
  const settled =
    proof.settlement === undefined
      ? `It is ${state}: export it again with --force when it is settled.`
      : 'It names the settlement.'
  return {
    json: { file: path, number, ctpId, state, settlement: proof.settlement ?? null },
    text: () =>
      `The receipt of CTP ${number}: ${path}\n${settled}\n` +
      `Anyone verifies it: spb receipt verify ${options.out ?? `receipt-${number}.json`} ` +
      `--chain URL --market ${market.address}`,
  }
}

/** `spb receipt verify`: asks no node, no data folder. Throws `file/*`, `input/*`, `chain/*`. */
export async function verifyReceipt(
  { cli, options }: Call<{ market?: string }>,
  file: string,
): Promise<CommandResult> {
  const path = resolve(cli.cwd, file)
  const proof = readProofFile(path)
  const { chain: url, market: name } = options
  const expected: VerifyOptions =
    name === undefined ? {} : { market: decodeAddress(name, `“${name.slice(0, 50)}”`) }
  if (url === undefined) return describeProof(path, proof, await verifyTradeProof(proof, expected))
  const rpc = connectRpc({ url })
  try {
    const chain = { client: rpc.client, endpoint: url }
    return describeProof(path, proof, await verifyTradeProof(proof, { ...expected, chain }))
  } finally {
    rpc.close()
  }
}
