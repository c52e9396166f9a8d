import { certify, findNumber } from '../../../ledger/voting.ts'
import type { NodeEffect } from '../../../node/nodeEffect.ts'
import { identifyCtp } from '../../../protocol/ctpSubmission.ts'
import type { CertificateBatch, SettleRequest } from '../../../protocol/nodeMessages.ts'
import { itemsHashOf } from '../../../protocol/settlementBatch.ts'
import { signMessage } from '../../../protocol/signature.ts'
import type { BuggyMachine, PlantedBug } from './plantedBug.ts'
import { replaceStep, stepAlone } from './replaceStep.ts'

/** Bugs in what a member believes of others without a check. */
export const trustBugs: readonly PlantedBug[] = [
  {
    name: 'any-certificate',
    breaks: 'a certificate counts only with a quorum’s own signatures',
    promise: 'P2',
    seeds: 10,
    world: { nodes: 4, cheats: 1 },
    machine: (parts) =>
      replaceStep(
        parts,
        stepAlone((input, step) => {
          const isBatch = input.kind === 'message' && input.message.kind === 'certificates'
          if (isBatch) believe(parts, input.message as CertificateBatch)
          return step()
        }),
      ),
  },
  {
    name: 'any-settlement',
    breaks: 'a member signs a settlement only with the receipts that it checked itself',
    promise: 'P11',
    seeds: 10,
    world: { nodes: 4, cheats: 1 },
    machine: (parts) =>
      replaceStep(
        parts,
        stepAlone((input, step) => {
          if (input.kind !== 'message' || input.message.kind !== 'settleRequest') return step()
          return [signAnything(parts, input.peer, input.message)]
        }),
      ),
  },
]

function believe({ state }: BuggyMachine, { epoch, items }: CertificateBatch): void {
  for (const item of items) {
    const identified = identifyCtp(state.market, item)
    if (findNumber(state, identified) === undefined) certify(state, identified, epoch, [])
  }
}

function signAnything(
  { state, memberKey }: BuggyMachine,
  peer: string,
  { id, epoch, sequence, beneficiary, items }: SettleRequest,
): NodeEffect {
  const order = { epoch, sequence, beneficiary, itemsHash: itemsHashOf(items) }
  const signature = signMessage(state.market, 'Settlement', order, memberKey)
  return { kind: 'send', peer, message: { kind: 'settleReply', id, signature, refusals: [] } }
}
