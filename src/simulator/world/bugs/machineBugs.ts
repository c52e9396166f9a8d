import { buckets } from '../../../ledger/buckets.ts'
import { nonceKey } from '../../../ledger/keys.ts'
import { decodeNonceRow } from '../../../ledger/signedRows.ts'
import type { NodeEffect, NodeInput } from '../../../node/nodeEffect.ts'
import type { Address } from '../../../protocol/bytes.ts'
import { packSignatures } from '../../../protocol/committee.ts'
import { itemsHashOf, packBatch, unpackBatch } from '../../../protocol/settlementBatch.ts'
import { signMessage } from '../../../protocol/signature.ts'
import { SpbError } from '../../../protocol/spbError.ts'
import { wei } from '../../../protocol/units.ts'
import { worldManufacturer } from '../tradePapers.ts'
import { type BuggyMachine, fiveOf, type PlantedBug } from './plantedBug.ts'
import { replaceStep, stepAlone } from './replaceStep.ts'

/** The accounts and nonces of which an input asks for a vote. */
function wantedNonces(input: NodeInput): Map<Address, number> {
  const wanted = new Map<Address, number>()
  const add = (consumer: Address, nonce: number) =>
    wanted.set(consumer, Math.max(nonce, wanted.get(consumer) ?? 0))
  if (input.kind === 'ctp') add(input.verified.consumer, input.verified.ctp.nonce)
  if (input.kind !== 'message' || input.message.kind !== 'voteRequest') return wanted
  for (const { verified } of input.message.items) {
    if (!(verified instanceof SpbError)) add(verified.consumer, verified.ctp.nonce)
  }
  return wanted
}

/** Bugs in what a member admits, signs and sends. */
export const machineBugs: readonly PlantedBug[] = [
  {
    name: 'ignored-holds',
    breaks: 'a CTP needs money that no other live one holds',
    promise: 'P2',
    seeds: 25,
    machine: (parts) =>
      replaceStep(parts, (step) => (inputs) => {
        parts.state.accounts.heldOf = () => wei(0n)
        return step(inputs)
      }),
  },
  {
    name: 'any-nonce-order',
    breaks: 'nonce k + 1 is voted for only when all before it are closed',
    promise: 'P2',
    seeds: 10,
    world: { nodes: 4 },
    machine: (parts) =>
      replaceStep(
        parts,
        stepAlone((input, step) => {
          const { accounts } = parts.state
          const right = accounts.nextNonceOf
          const wanted = wantedNonces(input)
          accounts.nextNonceOf = (account, state) =>
            Math.max(right.call(accounts, account, state), wanted.get(account) ?? 0)
          const effects = step()
          accounts.nextNonceOf = right
          return effects
        }),
      ),
  },
  {
    name: 'expired-vote-closes',
    breaks: 'a member’s own expired vote does not close a nonce',
    promise: 'P2',
    seeds: 10,
    world: { nodes: 4, cheats: 1, styles: fiveOf('doubleSpender') },
    machine: (parts) =>
      replaceStep(parts, (step) => (inputs) => {
        const { state } = parts
        const { accounts } = state
        if (Object.hasOwn(accounts, 'nextNonceOf')) return step(inputs)
        const right = accounts.nextNonceOf.bind(accounts)
        accounts.nextNonceOf = (account, chain) => {
          let nonce = right(account, chain)
          for (;;) {
            const bytes = state.store.get(buckets.nonce, nonceKey(account, nonce))
            const voted = bytes && decodeNonceRow(bytes).votedCtpId
            if (voted === undefined || state.live.has(voted)) return nonce
            nonce++
          }
        }
        return step(inputs)
      }),
  },
  {
    name: 'void-of-a-live-vote',
    breaks: 'a member signs no nonce void at which its own vote is live',
    promise: 'P2',
    seeds: 15,
    world: { nodes: 4, cheats: 1, styles: fiveOf('doubleSpender') },
    machine: (parts) =>
      replaceStep(
        parts,
        stepAlone((input, step) => {
          const isVoid =
            input.kind === 'void' ||
            (input.kind === 'message' && input.message.kind === 'voidRequest')
          const { state } = parts
          const { accounts, confirmed } = state
          if (!isVoid || confirmed === undefined) return step()
          const right = accounts.allOf
          accounts.allOf = () => [].values()
          state.confirmed = { ...confirmed, timeSeconds: (confirmed.timeSeconds + 1e6) as never }
          const effects = step()
          accounts.allOf = right
          state.confirmed = confirmed
          return effects
        }),
      ),
  },
  {
    name: 'voting-on-a-new-disk',
    breaks: 'a member that may have lost what it signed does not vote until that is over',
    promise: 'P2',
    seeds: 50,
    world: {
      nodes: 4,
      cheats: 0,
      styles: fiveOf('doubleSpender'),
      newDisks: 8,
    },
    machine: (parts) =>
      replaceStep(parts, (step) => (inputs) => {
        parts.state.votesFromSeconds = 0
        return step(inputs)
      }),
  },
  {
    name: 'any-meter',
    breaks: 'no CTP is certified unless a manufacturer in good standing vouches for its meter',
    promise: 'P6',
    seeds: 10,
    verifier: (verifier) => ({
      ...verifier,
      verify: async (submissions) =>
        (await verifier.verify(submissions)).map((result) =>
          result instanceof SpbError
            ? result
            : {
                ...result,
                voucher: {
                  ...result.voucher,
                  manufacturer: worldManufacturer.address,
                },
              },
        ),
    }),
  },
  {
    name: 'paid-in-full',
    breaks: 'a settlement pays for what was receipted',
    promise: 'P11',
    seeds: 5,
    world: { nodes: 1 },
    machine: (parts) =>
      replaceStep(
        parts,
        (step) => (inputs) => step(inputs).map((effect) => overpay(parts, effect)),
      ),
  },
  {
    name: 'parts-unpaid',
    breaks: 'partial deliveries settle late in their grace',
    promise: 'live',
    seeds: 5,
    machine: (parts) =>
      replaceStep(
        parts,
        (step) => (inputs) =>
          step(inputs).filter(
            (effect) =>
              effect.kind !== 'settle' ||
              unpackBatch(effect.call.items).every(
                ({ ctp, deliveredWh }) => deliveredWh >= ctp.energyWh,
              ),
          ),
      ),
  },
  {
    name: 'gives-up-settling',
    breaks: 'a settlement that failed is made anew',
    promise: 'live',
    seeds: 50,
    world: { nodes: 1 },
    machine: (parts) => {
      const ends = new Set(['settlementFailed', 'settlementOutcome'])
      let hasFailed = false
      replaceStep(parts, (step) => (inputs) => {
        hasFailed ||= inputs.some(({ kind }) => ends.has(kind))
        return step(inputs).filter(({ kind }) => kind !== 'settle' || !hasFailed)
      })
    },
  },
  {
    name: 'blames-the-late',
    breaks: 'what a correct but late peer sends is ignored, not blamed',
    promise: 'honest',
    seeds: 20,
    world: { nodes: 4 },
    machine: (parts) =>
      replaceStep(parts, (step) => (inputs) => {
        const [peer] = parts.machine.peers.connected
        return step(inputs).flatMap((effect): NodeEffect[] => {
          const isIgnored = effect.kind === 'verdict' && effect.verdict === 'ignore'
          if (!isIgnored || peer === undefined) return [effect]
          return [effect, { kind: 'blame', peer, code: 'network/known' }]
        })
      }),
  },
]

/** Pays every trade as if all of it had come. */
function overpay({ state, memberKey }: BuggyMachine, effect: NodeEffect): NodeEffect {
  if (effect.kind !== 'settle') return effect
  const { call } = effect
  const items = packBatch(
    unpackBatch(call.items).map((item) => ({
      ...item,
      deliveredWh: item.ctp.energyWh,
    })),
  )
  const { epoch, sequence, beneficiary } = call
  const order = { epoch, sequence, beneficiary, itemsHash: itemsHashOf(items) }
  const signature = signMessage(state.market, 'Settlement', order, memberKey)
  return {
    ...effect,
    call: { ...call, items, votes: packSignatures([{ member: 0, signature }]) },
  }
}
