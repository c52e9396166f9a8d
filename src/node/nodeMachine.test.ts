import { describe, expect, it } from 'vitest'
import {
  accountOf,
  blockOf,
  codeOf,
  eventOf,
  MachineWorld,
  member,
} from '../../test/support/machineFixture.ts'
import {
  idOf,
  makeReceipt,
  makeSubmission,
  manufacturer,
  partyOf,
  startSeconds,
  testMarket,
} from '../../test/support/tradeFixture.ts'
import { stateDigestOf } from '../ledger/ledgerState.ts'
import { viewAccount, viewDossier } from '../ledger/ledgerViews.ts'
import { bytesToHex, hexToBytes } from '../protocol/bytes.ts'
import { verifyHoldCertificate } from '../protocol/holdCertificate.ts'
import { itemsHashOf, unpackBatch } from '../protocol/settlementBatch.ts'
import { verifySparseProof } from '../protocol/sparseProof.ts'
import { SpbError } from '../protocol/spbError.ts'
import { seconds, wei, wh } from '../protocol/units.ts'
import type { CtpView } from '../protocol/views.ts'

const consumer = partyOf('consumer')
const producer = partyOf('producer')

/** A world in which the consumer has 10,000 wei and the producer an offer of 10 kWh. */
function openWorld(options: ConstructorParameters<typeof MachineWorld>[0] = {}): MachineWorld {
  const world = new MachineWorld(options)
  world.fund(consumer.address, 10_000n)
  world.offer(1n, producer.address)
  return world
}

const submissionOf = (options: Partial<Parameters<typeof makeSubmission>[0]> = {}) =>
  makeSubmission({ consumer, producer, offerId: 1n, ...options })

/** Settles everything that is due, as the contract would, and confirms it. */
function confirmSettlement(world: MachineWorld): CtpView[] {
  const effects = world.block({ seconds: 2 })
  const call = effects.find((effect) => effect.kind === 'settle')?.call
  expect(call).toBeDefined()
  const settled = unpackBatch(call!.items).map((item) => {
    const live = [...world.state.live.values()].find(
      ({ consumer: account, nonce }) => account === consumer.address && nonce === item.ctp.nonce,
    )!
    return { live, item }
  })
  const trades = settled.map(({ live, item }) => ({
    ctpId: live.ctpId,
    offerId: item.ctp.offerId,
    nonce: item.ctp.nonce,
    deliveredWh: item.deliveredWh,
    soldWh: wh(Math.min(item.deliveredWh, item.ctp.energyWh)),
    paidWei: wei((item.ctp.amountWei * BigInt(item.deliveredWh)) / BigInt(item.ctp.energyWh)),
    blockNumber: world.number + 1,
    transactionHash: `0x${'aa'.repeat(32)}` as const,
    gasShare: 9_000,
  }))
  let nonceBitmap = 0n
  for (const { nonce } of trades) nonceBitmap |= 1n << BigInt(nonce)
  const paidWei = trades.reduce((sum, trade) => sum + trade.paidWei, 0n)
  world.block({
    trades,
    accounts: [accountOf(consumer.address, { balanceWei: wei(10_000n - paidWei), nonceBitmap })],
  })
  return trades.map(({ ctpId }) => viewDossier(world.state, ctpId))
}

describe('a trade at one node', () => {
  it('holds money with a real certificate, and frees the rest when it settles', () => {
    const world = openWorld()
    const submission = submissionOf()
    const view = world.submit(submission) as CtpView
    expect(view).toMatchObject({ number: 1, state: 'held', consumer: consumer.address })
    const { holdCertificate } = viewDossier(world.state, 1)
    const committee = { epoch: 1, members: [member.address] }
    const identified = verifyHoldCertificate(testMarket, committee, holdCertificate!)
    expect(identified.ctpId).toBe(view.ctpId)
    expect(viewAccount(world.state, consumer.address)).toMatchObject({
      heldWei: 1_000n,
      freeWei: 9_000n,
      nextNonce: 1,
      liveCtps: 1,
    })

    const receipt = makeReceipt(testMarket, view.ctpId, 500, submission.meterKey)
    expect(world.receipt(receipt)).toMatchObject({ excessWh: 0, ctp: { state: 'receipted' } })
    expect(confirmSettlement(world)).toMatchObject([{ state: 'settled', paymentWei: 1_000n }])
    expect(viewAccount(world.state, consumer.address)).toMatchObject({
      balanceWei: 9_000n,
      heldWei: 0n,
      freeWei: 9_000n,
      nextNonce: 1,
    })
  })

  it('pays the committed amount for more energy than committed and reports the excess', () => {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    const answer = world.receipt(makeReceipt(testMarket, ctpId, 700, submission.meterKey))
    expect(answer).toMatchObject({ excessWh: 200, ctp: { paymentWei: 1_000n } })
    expect(world.machine.totals.receiptedWh).toBe(500)
  })

  it('settles a partial delivery only from expiry and half of the grace on', () => {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    world.receipt(makeReceipt(testMarket, ctpId, 100, submission.meterKey))
    const settles = (effects: { kind: string }[]) => effects.some(({ kind }) => kind === 'settle')
    const { settlesFromSeconds } = viewDossier(world.state, ctpId)
    expect(settlesFromSeconds).toBe(startSeconds + 900 + 300)
    expect(settles(world.block({ seconds: settlesFromSeconds - 1 - world.nowSeconds }))).toBe(false)
    expect(confirmSettlement(world)).toMatchObject([{ state: 'settled', paymentWei: 200n }])
  })

  it('P4: frees the money of a CTP without receipt just after expiry and grace', () => {
    const world = openWorld()
    const { ctpId, freeAtSeconds } = world.submit(submissionOf()) as CtpView
    expect(freeAtSeconds).toBe(startSeconds + 900 + 600)
    world.block({ seconds: freeAtSeconds - world.nowSeconds })
    expect(viewAccount(world.state, consumer.address).heldWei).toBe(1_000n)
    world.block({ seconds: 1 })
    expect(viewDossier(world.state, ctpId).state).toBe('expired')
    expect(viewAccount(world.state, consumer.address)).toMatchObject({
      heldWei: 0n,
      freeWei: 10_000n,
      nextNonce: 1,
    })
  })

  it('frees the money when the chain says that the producer declined', () => {
    const world = openWorld()
    const { ctpId } = world.submit(submissionOf()) as CtpView
    world.fund(consumer.address, 10_000n, { nonceBitmap: 1n })
    expect(viewDossier(world.state, ctpId).state).toBe('declined')
    expect(viewAccount(world.state, consumer.address).freeWei).toBe(10_000n)
  })

  it('gives the same answer when a CTP is sent again, and votes once', () => {
    const world = openWorld()
    const submission = submissionOf()
    const first = world.submit(submission)
    expect(world.submit(submission)).toEqual(first)
    expect(world.machine.totals.ctps).toBe(1)
  })

  it('shares one vote among the CTPs of one step', () => {
    const world = openWorld()
    const consumers = Array.from({ length: 70 }, (_, index) => partyOf(`consumer ${index}`))
    for (const { address } of consumers) world.fund(address, 1_000n)
    const submissions = consumers.map((each) =>
      submissionOf({ consumer: each, energyWh: 50, amountWei: 100n }),
    )
    const inputs = submissions.map((submission, request) => ({
      kind: 'ctp' as const,
      request,
      verified: world.verified(submission),
    }))
    const replies = world.step(...inputs).filter(({ kind }) => kind === 'reply')
    expect(replies).toHaveLength(70)
    const signatures = new Set(
      consumers.map((each, index) => {
        const { holdCertificate } = viewDossier(world.state, idOf(submissions[index]!, each))
        const committee = { epoch: 1, members: [member.address] }
        verifyHoldCertificate(testMarket, committee, holdCertificate!)
        return holdCertificate!.votes[0]!.signature
      }),
    )
    expect(signatures.size).toBe(2)
  })

  it('proves that a CTP is live, and that another is not', () => {
    const world = openWorld()
    const { ctpId } = world.submit(submissionOf()) as CtpView
    const { tree } = world.state
    const root = bytesToHex(tree.root())
    const digest = bytesToHex(stateDigestOf({ state: 'held', deliveredWh: wh(0) }))
    const stranger = bytesToHex(new Uint8Array(32).fill(7))
    const check = (key: `0x${string}`, digestOrNull: `0x${string}` | null) =>
      verifySparseProof({ root, key, digest: digestOrNull, proof: tree.prove(hexToBytes(key)) })
    expect(check(ctpId, digest)).toBe(true)
    expect(check(ctpId, null)).toBe(false)
    expect(check(stranger, null)).toBe(true)
    expect(check(stranger, digest)).toBe(false)
  })
})

describe('refusals of a CTP, each with its code', () => {
  const cases: [string, (world: MachineWorld) => unknown, string][] = [
    [
      'an expiry that is too near',
      (world) => world.submit(submissionOf({ expirySeconds: world.nowSeconds + 4 })),
      'ctp/expiry-too-near',
    ],
    [
      'an expiry beyond the longest life',
      (world) => world.submit(submissionOf({ expirySeconds: world.nowSeconds + 86_401 })),
      'ctp/expiry-too-far',
    ],
    ['an unknown offer', (world) => world.submit(submissionOf({ offerId: 9n })), 'offer/unknown'],
    [
      'an offer of another producer',
      (world) => world.submit(submissionOf({ producer: partyOf('other') })),
      'offer/wrong-producer',
    ],
    [
      'a wrong price',
      (world) => world.submit(submissionOf({ amountWei: 999n })),
      'offer/wrong-price',
    ],
    [
      'too small an amount',
      (world) => world.submit(submissionOf({ energyWh: 4, amountWei: 8n })),
      'ctp/amount-too-small',
    ],
    [
      'more energy than the offer has',
      (world) => {
        world.fund(consumer.address, 100_000n)
        return world.submit(submissionOf({ energyWh: 10_001, amountWei: 20_002n }))
      },
      'offer/sold-out',
    ],
    [
      'negotiated terms without Accept',
      (world) => world.submit(submissionOf({ offerId: 0n, isAccepted: false })),
      'offer/not-accepted',
    ],
    ['a skipped nonce', (world) => world.submit(submissionOf({ nonce: 1 })), 'ctp/nonce-skipped'],
    [
      'a nonce used by another CTP',
      (world) => {
        world.submit(submissionOf())
        return world.submit(submissionOf({ expirySeconds: startSeconds + 901 }))
      },
      'ctp/nonce-reused',
    ],
    [
      'a nonce that was settled',
      (world) => {
        world.fund(consumer.address, 10_000n, { nonceBitmap: 1n })
        return world.submit(submissionOf())
      },
      'ctp/nonce-closed',
    ],
    [
      'more than the free balance',
      (world) => {
        world.submit(submissionOf({ energyWh: 3_000, amountWei: 6_000n }))
        return world.submit(submissionOf({ nonce: 1, energyWh: 3_000, amountWei: 6_000n }))
      },
      'ctp/insufficient-balance',
    ],
    [
      'money that a withdrawal asks for',
      (world) => {
        world.fund(consumer.address, 10_000n, { requestedWei: wei(9_500n) })
        return world.submit(submissionOf())
      },
      'ctp/insufficient-balance',
    ],
    [
      'a meter of an untrusted manufacturer',
      (world) => {
        const { address } = manufacturer
        const end = { kind: 'ManufacturerSet' as const, manufacturer: address }
        const event = eventOf(world.number + 1, { ...end, endsSeconds: seconds(startSeconds) })
        world.block({ events: [event] })
        return world.submit(submissionOf())
      },
      'meter/witness-untrusted',
    ],
  ]
  for (const [title, act, code] of cases) {
    it(`${title}: ${code}`, () => {
      const world = openWorld()
      expect(codeOf(act(world))).toBe(code)
    })
  }

  it('a withdrawn offer, and one whose time is over: offer/closed', () => {
    const world = openWorld()
    world.block({
      events: [
        eventOf(world.number + 1, {
          kind: 'OfferWithdrawn',
          offerId: 1n,
          producer: producer.address,
        }),
      ],
    })
    expect(codeOf(world.submit(submissionOf()))).toBe('offer/closed')
    world.offer(2n, producer.address, { untilSeconds: world.nowSeconds + 1 })
    expect(codeOf(world.submit(submissionOf({ offerId: 2n })))).toBe('offer/closed')
  })

  it('more live CTPs than allowed: ctp/too-many-live, and node/overloaded for the node', () => {
    const world = openWorld({ liveCtpsPerAccount: 1 })
    world.submit(submissionOf())
    expect(codeOf(world.submit(submissionOf({ nonce: 1 })))).toBe('ctp/too-many-live')
    const full = openWorld({ liveCtps: 0 })
    expect(codeOf(full.submit(submissionOf()))).toBe('node/overloaded')
  })

  it('a live CTP that would fall out of the nonce window: ctp/nonce-window', () => {
    const world = openWorld({ liveCtpsPerAccount: 100 })
    const far = world.nowSeconds + 80_000
    world.submit(submissionOf({ energyWh: 50, amountWei: 100n, expirySeconds: far }))
    for (let nonce = 1; nonce < 64; nonce++) {
      const small = { nonce, energyWh: 50, amountWei: 100n, expirySeconds: world.nowSeconds + 100 }
      expect(codeOf(world.submit(submissionOf(small)))).toMatchObject({ state: 'held' })
    }
    // All but nonce 0 expire; nonce 64 would push nonce 0, which is live, out of the window.
    world.block({ seconds: 800 })
    const next = { nonce: 64, energyWh: 50, amountWei: 100n, expirySeconds: world.nowSeconds + 100 }
    expect(codeOf(world.submit(submissionOf(next)))).toBe('ctp/nonce-window')
  })

  it('says how much is free and what holds the rest', () => {
    const world = openWorld()
    world.submit(submissionOf({ energyWh: 4_000, amountWei: 8_000n }))
    const refusal = world.submit(submissionOf({ nonce: 1, energyWh: 1_500, amountWei: 3_000n }))
    expect(refusal).toMatchObject({
      code: 'ctp/insufficient-balance',
      meta: { freeWei: '2000', heldWei: '8000', neededWei: '3000', liveCtps: 1 },
    })
  })

  it('a higher price than asked is taken only where the offer is negotiable', () => {
    const world = openWorld()
    world.offer(2n, producer.address, { isNegotiable: true })
    expect(codeOf(world.submit(submissionOf({ amountWei: 1_001n })))).toBe('offer/wrong-price')
    const higher = submissionOf({ offerId: 2n, amountWei: 1_001n })
    expect(world.submit(higher)).toMatchObject({ state: 'held' })
  })
})

describe('when the member does not vote', () => {
  it('does not while block time stands still, and says so: chain/stalled', () => {
    const world = openWorld()
    world.step({ kind: 'tick', nowMs: (world.nowSeconds + 61) * 1000 })
    expect(codeOf(world.submit(submissionOf()))).toBe('chain/stalled')
    world.block({ seconds: 62 })
    expect(world.submit(submissionOf({ expirySeconds: world.nowSeconds + 900 }))).toMatchObject({
      state: 'held',
    })
  })

  it('does not where it is no member, or its epoch ends at a head: node/not-voting', () => {
    const stranger = openWorld({ members: [partyOf('another member').address] })
    expect(codeOf(stranger.submit(submissionOf()))).toBe('node/not-voting')
    const others = [1, 2, 3].map((each) => partyOf(`member ${each}`).address)
    const several = openWorld({ members: [member.address, ...others] })
    expect(codeOf(several.submit(submissionOf()))).toBe('node/catching-up')
    const world = openWorld()
    const event = { kind: 'EpochOpened' as const, epoch: 2, members: [member.address] }
    const head = blockOf(world.number + 2, world.nowSeconds + 2)
    world.block({ head, headEvents: [eventOf(world.number + 2, event)] })
    expect(codeOf(world.submit(submissionOf()))).toBe('node/not-voting')
  })

  it('counts a withdrawal that any head showed until it is confirmed', () => {
    const world = openWorld()
    const head = blockOf(world.number + 3, world.nowSeconds + 3)
    world.block({
      head,
      headEvents: [
        eventOf(head.number, {
          kind: 'WithdrawalRequested',
          account: consumer.address,
          requestedWei: wei(9_500n),
          readyAtSeconds: seconds(startSeconds + 172_800),
        }),
      ],
    })
    expect(codeOf(world.submit(submissionOf()))).toBe('ctp/insufficient-balance')
    // The head that showed it was reorganised away: it counts until its height is confirmed.
    world.block()
    expect(codeOf(world.submit(submissionOf()))).toBe('ctp/insufficient-balance')
    world.block()
    world.block()
    expect(world.submit(submissionOf())).toMatchObject({ state: 'held' })
  })
})

describe('refusals of a receipt, each with its code', () => {
  function heldWorld() {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    const send = (deliveredWh: number, key = submission.meterKey, id = ctpId) =>
      codeOf(world.receipt(makeReceipt(testMarket, id, deliveredWh, key)))
    return { world, submission, ctpId, send }
  }

  it('unknown CTP, wrong key, zero, lower, repeated', () => {
    const { send, submission } = heldWorld()
    const other = `0x${'11'.repeat(32)}` as const
    expect(send(100, submission.meterKey, other)).toBe('erc/unknown-ctp')
    expect(send(100, consumer)).toBe('erc/wrong-key')
    expect(send(0)).toBe('erc/zero')
    expect(send(300)).toMatchObject({ ctp: { deliveredWh: 300 } })
    expect(send(200)).toBe('erc/lower')
    expect(send(300)).toBe('erc/repeated')
  })

  it('of another market: erc/wrong-key, since it recovers another signer', () => {
    const { world, ctpId, submission } = heldWorld()
    const elsewhere = { ...testMarket, chainId: 1 }
    const answer = world.receipt(makeReceipt(elsewhere, ctpId, 100, submission.meterKey))
    expect(codeOf(answer)).toBe('erc/wrong-key')
  })

  it('late: erc/late; settled: erc/closed', () => {
    const { world, send } = heldWorld()
    send(500)
    confirmSettlement(world)
    expect(send(600)).toBe('erc/closed')
    const late = heldWorld()
    late.world.block({ seconds: 1_600 })
    expect(late.send(500)).toBe('erc/late')
  })
})

describe('void certificates', () => {
  it('are refused while a CTP of the nonce could be live, and where it is closed', () => {
    const world = openWorld()
    const first = submissionOf()
    expect(codeOf(world.askVoid(first))).toBe('ctp/not-stuck')
    world.submit(first)
    expect(codeOf(world.askVoid(first))).toBe('ctp/nonce-closed')
  })

  it('close a nonce whose CTP is past expiry and grace; it is never voted for again', () => {
    const world = openWorld()
    const stuck = submissionOf({ expirySeconds: world.nowSeconds + 10 })
    world.block({ seconds: 1_000 })
    expect(world.askVoid(stuck)).toMatchObject({ epoch: 1, nonce: 0, account: consumer.address })
    expect(viewAccount(world.state, consumer.address).nextNonce).toBe(1)
    const again = submissionOf({ expirySeconds: world.nowSeconds + 900 })
    expect(codeOf(world.submit(again))).toBe('ctp/nonce-closed')
    const next = submissionOf({ nonce: 1, expirySeconds: world.nowSeconds + 900 })
    expect(world.submit(next)).toMatchObject({ state: 'held' })
  })
})

describe('restart and reorganisation', () => {
  it('P8: knows everything again after a restart on the same store', () => {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    world.receipt(makeReceipt(testMarket, ctpId, 300, submission.meterKey))
    const again = new MachineWorld({ store: world.store })
    expect(viewDossier(again.state, ctpId)).toEqual(viewDossier(world.state, ctpId))
    expect(viewAccount(again.state, consumer.address)).toEqual(
      viewAccount(world.state, consumer.address),
    )
    expect(again.state.tree.root()).toEqual(world.state.tree.root())
    expect(again.state.nextNumber).toBe(2)
  })

  it('P5: takes a settlement back when its block is reorganised away, and settles it again', () => {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    const root = world.state.tree.root()
    world.receipt(makeReceipt(testMarket, ctpId, 500, submission.meterKey))
    const receipted = world.state.tree.root()
    confirmSettlement(world)
    expect(viewDossier(world.state, ctpId).state).toBe('settled')
    world.step({ kind: 'reorganised' })
    expect(viewDossier(world.state, ctpId).state).toBe('receipted')
    expect(world.state.tree.root()).toEqual(receipted)
    expect(root).not.toEqual(receipted)
    expect(viewAccount(world.state, consumer.address)).toMatchObject({
      balanceWei: 10_000n,
      heldWei: 1_000n,
    })
    world.number = world.state.confirmed!.number
    expect(confirmSettlement(world)).toMatchObject([{ state: 'settled' }])
  })

  it('reads the chain anew when the reorganisation is deeper than its log', () => {
    const world = openWorld()
    const { ctpId } = world.submit(submissionOf()) as CtpView
    for (let i = 0; i < 10; i++) world.step({ kind: 'reorganised' })
    expect(world.state.confirmed).toBeUndefined()
    expect(codeOf(world.submit(submissionOf({ nonce: 1 })))).toBe('node/not-voting')
    expect(viewDossier(world.state, ctpId).state).toBe('held')
  })
})

describe('the settlement loop', () => {
  function dueWorld() {
    const world = openWorld()
    const submission = submissionOf()
    const { ctpId } = world.submit(submission) as CtpView
    world.receipt(makeReceipt(testMarket, ctpId, 500, submission.meterKey))
    const find = (effects: ReturnType<MachineWorld['step']>, kind: string) =>
      effects.filter((effect) => effect.kind === kind)
    return { world, ctpId, find }
  }

  it('waits until a batch is old enough, sends it once, and looks after it', () => {
    const { world, find } = dueWorld()
    expect(find(world.effects, 'settle')).toHaveLength(0)
    expect(find(world.block({ seconds: 2 }), 'settle')).toHaveLength(1)
    world.step({ kind: 'settlementSent', transactionHash: `0x${'01'.repeat(32)}` })
    expect(find(world.block({ seconds: 2 }), 'settle')).toHaveLength(0)
    expect(find(world.block({ seconds: 31 }), 'checkSettlement')).toHaveLength(1)
    const outcome = { status: 'dropped' as const }
    expect(find(world.step({ kind: 'settlementOutcome', outcome }), 'settle')).toHaveLength(1)
  })

  it('puts the trades of one producer in a row', () => {
    const world = openWorld()
    const other = partyOf('another producer')
    for (const [nonce, seller] of [producer, other, producer, other].entries()) {
      const submission = makeSubmission({ consumer, producer: seller, nonce })
      const { ctpId } = world.submit(submission) as CtpView
      world.receipt(makeReceipt(testMarket, ctpId, 500, submission.meterKey))
    }
    const settle = world.block({ seconds: 2 }).find(({ kind }) => kind === 'settle')
    if (settle?.kind !== 'settle') throw new Error('a settlement goes out')
    const sellers = unpackBatch(settle.call.items).map(({ ctp }) => ctp.producer)
    expect(sellers).toEqual(sellers.toSorted())
    expect(new Set(sellers).size).toBe(2)
  })

  it('waits longer after each failure', () => {
    const { world, find } = dueWorld()
    world.block({ seconds: 2 })
    world.step({ kind: 'settlementFailed', error: new SpbError('chain/unreachable') })
    expect(find(world.block({ seconds: 0 }), 'settle')).toHaveLength(0)
    expect(find(world.block({ seconds: 2 }), 'settle')).toHaveLength(1)
    world.step({ kind: 'settlementFailed', error: new SpbError('chain/unreachable') })
    expect(find(world.block({ seconds: 1 }), 'settle')).toHaveLength(0)
    expect(find(world.block({ seconds: 2 }), 'settle')).toHaveLength(1)
  })

  it('leaves a CTP that the contract skipped out for a while', () => {
    const { world, ctpId, find } = dueWorld()
    const [settle] = find(world.block({ seconds: 2 }), 'settle')
    if (settle?.kind !== 'settle') throw new Error('a settlement goes out')
    const { epoch, sequence, beneficiary, databaseRoot, items } = settle.call
    const event = eventOf(world.number + 1, {
      ...{ kind: 'Settled' as const, epoch, sequence, beneficiary, databaseRoot, items },
      itemsHash: itemsHashOf(items),
      settledBitmap: 0n,
      gasUsed: 50_000n,
      calldataBytes: 500,
    })
    expect(find(world.block({ seconds: 1, skipped: [ctpId], events: [event] }), 'settle')).toEqual(
      [],
    )
    expect(find(world.block({ seconds: 1 }), 'settle')).toHaveLength(0)
    world.block({ seconds: 5 })
    expect(find(world.block({ seconds: 2 }), 'settle')).toHaveLength(1)
  })
})
