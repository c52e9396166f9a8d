import { setBalance } from '../../src/adapters/chain/anvilControl.ts'
import { type Bytes32, bytesToHex } from '../../src/protocol/bytes.ts'
import type { CtpSubmission } from '../../src/protocol/ctpSubmission.ts'
import { SpbError } from '../../src/protocol/spbError.ts'
import { wei } from '../../src/protocol/units.ts'
import type { CtpView } from '../../src/protocol/views.ts'
import { createMarketClient } from '../../src/sdk/marketClient.ts'
import { deposit } from '../../src/sdk/marketContract.ts'
import type { NodeClient } from '../../src/sdk/nodeClient.ts'
import { type CommitteeProcesses, until } from './committeeProcesses.ts'
import { growTree, idOf, makeReceipt, makeSubmission, type Party, partyOf } from './tradeFixture.ts'

const producer = partyOf('committee producer')
const depositWei = 10n ** 18n
const amountWei = 10n ** 12n
const energyWh = 1_000
const lifeSeconds = 240

/** A signed CTP, with what is needed to receipt it. */
export type SignedTrade = { ctpId: Bytes32; submission: CtpSubmission; meterKey: Party }

/** One household that buys through members' APIs, and remembers what it was told. */
export class CommitteeProcessesTrade {
  /** CTPs that a member acknowledged as held, and which one did. */
  readonly held = new Map<Bytes32, NodeClient>()
  /** Those of which a member acknowledged the receipt. */
  readonly receipted = new Set<Bytes32>()
  readonly consumer: Party
  readonly #committee: CommitteeProcesses
  readonly #tree: ReturnType<typeof growTree>
  #nonce = 0

  private constructor(committee: CommitteeProcesses, name: string) {
    this.#committee = committee
    this.consumer = partyOf(`committee ${name}`)
    this.#tree = growTree(committee.facts, name, 7)
  }

  /** Makes a household with a deposit of which all members know. */
  static async open(committee: CommitteeProcesses, name: string): Promise<CommitteeProcessesTrade> {
    const household = new CommitteeProcessesTrade(committee, name)
    const { address, key } = household.consumer
    const { anvil, facts, members } = committee
    await setBalance(anvil, address, 2n * depositWei)
    const access = { url: anvil.url, market: facts, privateKey: bytesToHex(key) }
    await deposit(createMarketClient({ ...access, pollingIntervalMs: 100 }), wei(depositWei))
    const look = () => Promise.all(members.map(({ client }) => client.account(address)))
    await until('all know the deposit', look, (views) =>
      views.every(({ balanceWei }) => balanceWei === depositWei),
    )
    return household
  }

  /** Signs a CTP at the next nonce. */
  async sign(): Promise<SignedTrade> {
    const { facts } = this.#committee
    const expirySeconds = (await this.#committee.now()) + lifeSeconds
    const nonce = this.#nonce++
    const terms = { nonce, leaf: nonce, tree: this.#tree, amountWei, energyWh, expirySeconds }
    const market = { chainId: facts.chainId, address: facts.address }
    const { meterKey, ...submission } = makeSubmission({
      ...{ market, consumer: this.consumer, producer, ...terms },
    })
    return { ctpId: idOf(submission, this.consumer), submission, meterKey }
  }

  /** Has a signed CTP certified through a member, once. Throws its refusal. */
  async submit(client: NodeClient, trade: SignedTrade): Promise<CtpView> {
    const view = await client.submitCtp(trade.submission)
    this.held.set(trade.ctpId, client)
    return view
  }

  /** Signs and has certified. */
  async buy(client: NodeClient): Promise<SignedTrade> {
    const trade = await this.sign()
    await this.submit(client, trade)
    return trade
  }

  /** Hands in the meter's receipt for all of a CTP's energy. */
  async receipt(client: NodeClient, { ctpId, meterKey }: SignedTrade): Promise<void> {
    await client.submitErc(makeReceipt(this.#committee.facts, ctpId, energyWh, meterKey))
    this.receipted.add(ctpId)
  }

  /** Asks member after member until one certifies, however many fail meanwhile. */
  async insist(clients: readonly NodeClient[]): Promise<SignedTrade> {
    const trade = await this.sign()
    await this.#try(clients, (client) => this.submit(client, trade))
    return trade
  }

  /** Hands in a receipt at member after member until one takes it. */
  async insistReceipt(clients: readonly NodeClient[], trade: SignedTrade): Promise<void> {
    await this.#try(clients, (client) => this.receipt(client, trade))
  }

  async #try(clients: readonly NodeClient[], ask: (client: NodeClient) => Promise<unknown>) {
    let turn = 0
    await until(
      'a member answers',
      async () => {
        try {
          await ask(clients[turn++ % clients.length]!)
          return 'done'
        } catch (error) {
          if (!(error instanceof SpbError)) throw error
          // One that died took it before it could say so.
          if (error.code === 'erc/repeated' || error.code === 'erc/closed') return 'done'
          if (!error.isRetryable && error.code !== 'ctp/unknown') throw error
          return error.code
        }
      },
      (seen) => seen === 'done',
    )
  }

  /**
   * Who acknowledged a CTP has it, as certified at least, and so have all others; but one that was
   * away until it was settled finds it on chain alone.
   */
  async areKept(): Promise<void> {
    const stateAt = async (client: NodeClient, id: Bytes32) =>
      (await client.ctp(id).catch(() => undefined))?.state ?? 'unknown'
    const good = ['held', 'receipted', 'settled']
    for (const { at, client } of this.#committee.members) {
      const look = () =>
        Promise.all(
          [...this.held].map(async ([id, by]) => {
            const own = await stateAt(client, id)
            if (good.includes(own) || by === client) return own
            return (await stateAt(by, id)) === 'settled' ? 'settled' : own
          }),
        )
      await until(`member ${at} has all acknowledged CTPs`, look, (states) =>
        states.every((state) => good.includes(state)),
      )
    }
  }

  /** Every receipted CTP is paid, once: the chain says so. */
  async arePaid(): Promise<void> {
    const { reader } = this.#committee
    const due = BigInt(this.receipted.size) * amountWei
    const look = async () => {
      const { number } = await reader.head()
      const [state] = await reader.accounts([this.consumer.address], number)
      return depositWei - state!.balanceWei
    }
    await until('all receipted CTPs are paid', look, (paidWei) => paidWei === due)
  }
}
