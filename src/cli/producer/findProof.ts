import { resolve } from 'node:path'
import type { Bytes32 } from '../../protocol/bytes.ts'
import type { Market } from '../../protocol/digest.ts'
import type { ErrorCode } from '../../protocol/errorTable.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type TradeProof, tradeProofOf } from '../../protocol/tradeProof.ts'
import { checkTradeProof } from '../../protocol/tradeProofChecks.ts'
import type { CtpDossier } from '../../protocol/views.ts'
import type { Call } from '../commandAction.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { openNode, requireMarket } from '../nodeAccess.ts'
import { parseCtpKey } from '../parseKeys.ts'
import { readProofFile } from '../receipt/proofFile.ts'
import { joinProofs, listSavedProofs, readSavedProof, type SavedProof } from './proofFolder.ts'

/** Which proof is meant: of a CTP, by its number or id, or in a file. */
export type ProofWish = { ctp?: string | undefined; file?: string | undefined }

/** Why a node gives no proof, where one that is kept would do. */
const silentCodes: readonly ErrorCode[] = [
  ...(['node/unreachable', 'node/overloaded', 'node/rate-limited'] as const),
  ...(['node/internal', 'node/not-found', 'ctp/unknown'] as const),
]

/** The id that a proof's own content has. Throws `proof/invalid`. */
export function identifyProof(proof: TradeProof): Bytes32 {
  const { facts, checks } = checkTradeProof(proof)
  if (facts.ctpId !== undefined) return facts.ctpId
  throw new SpbError('proof/invalid', `The proof does not hold: ${checks[0]?.detail}`)
}

/** A node's proof of a CTP. Throws `node/bad-answer` where it is of another than was asked for. */
export function proofOfDossier(
  market: Market,
  dossier: CtpDossier,
  key: Bytes32 | number,
): SavedProof {
  const proof = tradeProofOf(market, dossier)
  const ctpId = identifyProof(proof)
  if (typeof key === 'number' || key === ctpId) return { ctpId, proof }
  throw new SpbError('node/bad-answer', 'The node gave the proof of another CTP.')
}

/** What a node has; no answer of its may keep a proof that is kept from being used. */
async function askNode(
  call: Call<object>,
  key: Bytes32 | number,
): Promise<{ saved?: SavedProof; error?: SpbError }> {
  try {
    const access = openNode(call)
    const market = await requireMarket(access)
    return { saved: proofOfDossier(market, await access.node.ctp(key), key) }
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    return { error }
  }
}

function findSaved(folder: DataFolder, key: Bytes32 | number): SavedProof[] {
  if (typeof key === 'number') {
    return listSavedProofs(folder).filter(({ proof }) => proof.number === key)
  }
  const proof = readSavedProof(folder, key)
  return proof === undefined ? [] : [{ ctpId: key, proof }]
}

/** As `findSaved`; a file that is damaged is no reason to refuse what a node gives. */
function findSavedBeside(
  folder: DataFolder,
  key: Bytes32 | number,
  { ctpId }: SavedProof,
): SavedProof[] {
  const named = typeof key === 'number' ? findSaved(folder, key) : []
  try {
    return [...named.filter((each) => each.ctpId !== ctpId), ...findSaved(folder, ctpId)]
  } catch (error) {
    if (error instanceof SpbError) return named
    throw error
  }
}

function ambiguous(key: Bytes32 | number, ids: readonly Bytes32[]): SpbError {
  return new SpbError('input/option', `Several CTPs are known as ${key}.`, {
    hint: `Give the id: ${ids.join(' or ')}.`,
  })
}

function readNamedFile(call: Call<object>, { ctp, file }: ProofWish): TradeProof {
  const proof = readProofFile(resolve(call.cli.cwd, file!))
  const key = ctp === undefined ? undefined : parseCtpKey(ctp)
  const names = [identifyProof(proof), proof.number]
  if (key === undefined || names.includes(key)) return proof
  throw new SpbError('input/option', `The file is not of CTP ${key}.`, {
    hint: 'Leave out the CTP, or give the file of it.',
  })
}

/**
 * The best proof of a CTP that can be had: of a given file, else the node's or the folder's own,
 * whichever proves more energy. Works with every node stopped.
 *
 * Throws `proof/unknown`, `proof/not-certified`, `proof/invalid`, `file/*`, `input/*`.
 */
export async function findProof(call: Call<object>, wish: ProofWish): Promise<TradeProof> {
  if (wish.file !== undefined) return readNamedFile(call, wish)
  if (wish.ctp === undefined) throw new SpbError('input/option', 'Say which CTP, or give --file.')
  const key = parseCtpKey(wish.ctp)
  const folder = dataFolderOf(call.cli, call.options)
  const { saved: given, error } = await askNode(call, key)
  const kept = given ? findSavedBeside(folder, key, given) : findSaved(folder, key)
  // A number may have come from another node, or from before its database was lost.
  const ids = new Set([...kept, ...(given ? [given] : [])].map(({ ctpId }) => ctpId))
  if (ids.size > 1) throw ambiguous(key, [...ids])
  const [known] = kept
  if (known !== undefined) return joinProofs(known.proof, given?.proof)
  if (given !== undefined) return given.proof
  if (error !== undefined && !silentCodes.includes(error.code)) throw error
  throw new SpbError('proof/unknown', `No proof of CTP ${wish.ctp} is kept in this data folder.`, {
    ...(error === undefined ? {} : { cause: error, meta: { node: error.code } }),
  })
}
