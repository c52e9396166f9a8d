import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Bytes32 } from '../../protocol/bytes.ts'
import { identifyCtp } from '../../protocol/ctpSubmission.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { TradeProof } from '../../protocol/tradeProof.ts'
import {
  type CheckName,
  checkTradeProof,
  type ProofFacts,
} from '../../protocol/tradeProofChecks.ts'
import type { DataFolder } from '../dataFolder.ts'
import { readProofFile, writeProofFile } from '../receipt/proofFile.ts'

/** A proof that a data folder keeps. */
export type SavedProof = { ctpId: Bytes32; proof: TradeProof }

const namePattern = /^(0x[0-9a-f]{64})\.json$/

const proofsOf = ({ path }: DataFolder): string => join(path, 'proofs')

/** Where a CTP's proof is kept. */
export function proofPath(folder: DataFolder, ctpId: Bytes32): string {
  return join(proofsOf(folder), `${ctpId}.json`)
}

/**
 * The kept proof of a CTP; undefined where there is none. Throws `file/unreadable`, `input/*`,
 * `signature/invalid`, and `proof/invalid` for a file of another CTP than its name says.
 */
export function readSavedProof(folder: DataFolder, ctpId: Bytes32): TradeProof | undefined {
  const path = proofPath(folder, ctpId)
  if (!existsSync(path)) return undefined
  const proof = readProofFile(path)
  if (identifyCtp(proof.market, proof).ctpId === ctpId) return proof
  throw new SpbError('proof/invalid', `The file ${path} is not of the CTP that it is named after.`)
}

/** Keeps a proof. Throws `store/failed`. */
export function saveProof(folder: DataFolder, { ctpId, proof }: SavedProof): void {
  writeProofFile(proofPath(folder, ctpId), proof, { isReplacing: true })
}

/** All proofs that a folder keeps; one that is damaged does not hide the others. */
export function listSavedProofs(folder: DataFolder): SavedProof[] {
  const path = proofsOf(folder)
  if (!existsSync(path)) return []
  const ids = readdirSync(path).flatMap((name) => namePattern.exec(name)?.[1] ?? [])
  return (ids.sort() as Bytes32[]).flatMap((ctpId) => {
    try {
      const proof = readSavedProof(folder, ctpId)
      return proof === undefined ? [] : [{ ctpId, proof }]
    } catch (error) {
      if (error instanceof SpbError) return []
      throw error
    }
  })
}

/** What a proof's own signatures say of it, and the proof without a receipt that does not hold. */
function sift(proof: TradeProof): ProofFacts & { isCertificateWrong: boolean; proof: TradeProof } {
  const { facts, checks } = checkTradeProof(proof)
  const isWrong = (...names: CheckName[]) =>
    checks.some(({ check, verdict }) => names.includes(check) && verdict === 'failed')
  const { receipt: _, ...unreceipted } = proof
  return {
    ...facts,
    isCertificateWrong: isWrong('consumer', 'votes'),
    proof: isWrong('receipt') ? unreceipted : proof,
  }
}

/**
 * What two proofs of one CTP prove together: all of the first, the higher receipt of the two, and
 * what the first one lacks. So the second can add to it, and replace nothing that holds.
 */
export function joinProofs(first: TradeProof, second: TradeProof | undefined): TradeProof {
  const one = sift(first)
  if (second === undefined) return one.proof
  const other = sift(second)
  if (one.isCertificateWrong) return other.proof
  if (one.ctpId !== other.ctpId) return one.proof
  const { receipt } = (other.deliveredWh > one.deliveredWh ? other : one).proof
  return { ...other.proof, ...one.proof, ...(receipt && { receipt }) }
}
