import { createMemoryStore } from '../../src/adapters/storage/memoryStore.ts'
import type { ChainUpdate } from '../../src/ledger/chainUpdates.ts'
import { emptyAccount, type LedgerState, openLedgerState } from '../../src/ledger/ledgerState.ts'
import type { NodeEffect, NodeInput, Reply } from '../../src/node/nodeEffect.ts'
import { NodeMachine } from '../../src/node/nodeMachine.ts'
import type { AccountState, BlockRef, ChainEvent } from '../../src/ports/chain.ts'
import type { Store } from '../../src/ports/store.ts'
import { type Address, bytesToHex, zeroBytes32 } from '../../src/protocol/bytes.ts'
import {
  type CtpSubmission,
  type VerifiedCtp,
  verifyCtpSubmission,
} from '../../src/protocol/ctpSubmission.ts'
import { keccak256 } from '../../src/protocol/keccak.ts'
import type { SignedErc } from '../../src/protocol/signedErc.ts'
import { SpbError } from '../../src/protocol/spbError.ts'
import { seconds, wei, wh } from '../../src/protocol/units.ts'
import type { CtpView } from '../../src/protocol/views.ts'
import { manufacturer, partyOf, startSeconds, testFacts, testMarket } from './tradeFixture.ts'

export const member = partyOf('member')

/** A block whose hash depends on number and branch. */
export function blockOf(number: number, timeSeconds: number, branch = 'main'): BlockRef {
  const hash = bytesToHex(keccak256(new TextEncoder().encode(`${branch} ${number}`)))
  return { number, hash, timeSeconds: seconds(timeSeconds) }
}

/** An account's state with defaults of a new account. */
export function accountOf(account: Address, state: Partial<AccountState>): AccountState {
  return { ...emptyAccount(account), ...state }
}

type Part<Union, Kind> = Union extends { kind: Kind }
  ? Omit<Union, 'blockNumber' | 'transactionHash'>
  : never

/** An event in some block. */
export function eventOf<Kind extends ChainEvent['kind']>(
  blockNumber: number,
  event: Part<ChainEvent, Kind> & { kind: Kind },
): ChainEvent {
  return { ...event, blockNumber, transactionHash: zeroBytes32 } as unknown as ChainEvent
}

/** What a market's deployment says: its committee, and the test manufacturer's standing. */
export function foundingEvents(
  blockNumber: number,
  members: Address[] = [member.address],
): ChainEvent[] {
  const endsSeconds = seconds(startSeconds * 2)
  return [
    eventOf(blockNumber, { kind: 'EpochOpened', epoch: 1, members }),
    eventOf(blockNumber, {
      kind: 'ManufacturerSet',
      manufacturer: manufacturer.address,
      endsSeconds,
    }),
  ]
}

export type MachineWorldOptions = {
  store?: Store
  members?: Address[]
  liveCtpsPerAccount?: number
  liveCtps?: number
  isFirstStart?: boolean
  /** The test itself writes the first block. */
  isWithoutBlocks?: boolean
}

/** One machine on a store, with a chain that the test writes block by block. */
export class MachineWorld {
  readonly store: Store
  readonly state: LedgerState
  readonly machine: NodeMachine
  number = 1
  nowSeconds = startSeconds
  #request = 0

  constructor(options: MachineWorldOptions = {}) {
    this.store = options.store ?? createMemoryStore()
    this.state = openLedgerState(this.store, testFacts, {
      liveCtpsPerAccount: options.liveCtpsPerAccount ?? 64,
      liveCtps: options.liveCtps ?? 1_000_000,
      isFirstStart: options.isFirstStart ?? true,
    })
    this.machine = new NodeMachine(
      {
        memberKey: member.key,
        settlement: {
          batchItems: 100,
          batchAgeMs: 1_000,
          resendMs: 30_000,
          beneficiary: member.address,
        },
        stallMs: 60_000,
      },
      this.state,
    )
    if (this.state.confirmed !== undefined) {
      this.number = this.state.confirmed.number
      this.nowSeconds = this.state.confirmed.timeSeconds
    }
    if (this.number > 1 || options.isWithoutBlocks) return
    const members = options.members ?? [member.address]
    this.block({ events: foundingEvents(1, members) })
  }

  /** A new confirmed block, `seconds` after the last one. */
  block(part: Partial<ChainUpdate> & { seconds?: number; branch?: string } = {}): NodeEffect[] {
    this.number++
    this.nowSeconds += part.seconds ?? 1
    const confirmed = blockOf(this.number, this.nowSeconds, part.branch)
    const update: ChainUpdate = {
      confirmed,
      head: part.head ?? confirmed,
      events: part.events ?? [],
      headEvents: part.headEvents ?? [],
      trades: part.trades ?? [],
      skipped: part.skipped ?? [],
      accounts: part.accounts ?? [],
    }
    return this.step({ kind: 'tick', nowMs: this.nowSeconds * 1000 }, { kind: 'chain', update })
  }

  step(...inputs: NodeInput[]): NodeEffect[] {
    return this.machine.step(inputs)
  }

  /** Gives an account money, as a confirmed block says. */
  fund(account: Address, balanceWei: bigint, state: Partial<AccountState> = {}): void {
    this.block({ accounts: [accountOf(account, { balanceWei: wei(balanceWei), ...state })] })
  }

  /** Adds an open offer. */
  offer(
    offerId: bigint,
    producer: Address,
    terms: {
      energyWh?: number
      priceWeiPerKwh?: bigint
      isNegotiable?: boolean
      untilSeconds?: number
    } = {},
  ): void {
    this.block({
      events: [
        eventOf(this.number + 1, {
          kind: 'OfferAdded',
          offerId,
          producer,
          energyWh: wh(terms.energyWh ?? 10_000),
          priceWeiPerKwh: terms.priceWeiPerKwh ?? 2_000n,
          isNegotiable: terms.isNegotiable ?? false,
          untilSeconds: seconds(terms.untilSeconds ?? startSeconds + 86_400),
          negotiationKey: '0x',
        }),
      ],
    })
  }

  verified(submission: CtpSubmission): VerifiedCtp {
    return verifyCtpSubmission(testMarket, submission)
  }

  /** Submits a CTP: its view, or the refusal. */
  submit(submission: CtpSubmission): CtpView | SpbError {
    const verified = this.verified(submission)
    return this.#ask((request) => ({ kind: 'ctp', request, verified })) as CtpView | SpbError
  }

  /** Sends a receipt: what it did, or the refusal. */
  receipt(signed: SignedErc): Reply | SpbError {
    return this.#ask((request) => ({ kind: 'receipt', request, signed }))
  }

  /** Asks for a void certificate. */
  askVoid(submission: CtpSubmission): Reply | SpbError {
    const { ctp, consumerSignature } = submission
    return this.#ask((request) => ({ kind: 'void', request, shown: { ctp, consumerSignature } }))
  }

  /** Effects of the last request, besides its answer. */
  effects: NodeEffect[] = []

  #ask(makeInput: (request: number) => NodeInput): Reply | SpbError {
    const request = ++this.#request
    this.effects = this.step(makeInput(request))
    for (const effect of this.effects) {
      if (effect.kind === 'reply' && effect.request === request) return effect.reply
      if (effect.kind === 'refuse' && effect.request === request) return effect.error
    }
    throw new Error('The request was not answered.')
  }
}

/** The code of a refusal, or what was answered instead, for plain comparisons. */
export function codeOf(answer: unknown): unknown {
  return answer instanceof SpbError ? answer.code : answer
}
