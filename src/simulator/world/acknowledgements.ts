import { buckets } from '../../ledger/buckets.ts'
import { idKey, nonceKey } from '../../ledger/keys.ts'
import { decodeReceipt } from '../../ledger/signedRows.ts'
import type { Store } from '../../ports/store.ts'
import type { Address, Bytes32 } from '../../protocol/bytes.ts'

/** What one node told its clients: it must still know it whatever happened to its power (P8). */
export class Acknowledgements {
  readonly #held = new Set<Bytes32>()
  readonly #receiptedWh = new Map<Bytes32, number>()
  readonly #voids = new Map<string, { account: Address; nonce: number }>()

  noteHeld(ctpId: Bytes32): void {
    this.#held.add(ctpId)
  }

  noteReceipt(ctpId: Bytes32, deliveredWh: number): void {
    const before = this.#receiptedWh.get(ctpId) ?? 0
    this.#receiptedWh.set(ctpId, Math.max(before, deliveredWh))
  }

  noteVoid(account: Address, nonce: number): void {
    this.#voids.set(`${account} ${nonce}`, { account, nonce })
  }

  /** The disk is gone: nobody promised anything for that. */
  forget(): void {
    this.#held.clear()
    this.#receiptedWh.clear()
    this.#voids.clear()
  }

  /** What was acknowledged and is not on the disk any more; undefined where all is. */
  findLost(disk: Pick<Store, 'get'>): string | undefined {
    for (const ctpId of this.#held) {
      if (disk.get(buckets.certificate, idKey(ctpId)) === undefined) {
        return `the certificate of ${ctpId}`
      }
    }
    for (const [ctpId, deliveredWh] of this.#receiptedWh) {
      const bytes = disk.get(buckets.receipt, idKey(ctpId))
      const known = bytes === undefined ? 0 : decodeReceipt(ctpId, bytes).erc.deliveredWh
      if (known < deliveredWh) return `the receipt of ${deliveredWh} Wh of ${ctpId}`
    }
    for (const { account, nonce } of this.#voids.values()) {
      if (disk.get(buckets.voided, nonceKey(account, nonce)) === undefined) {
        return `the void certificate of ${account}, nonce ${nonce}`
      }
    }
    return undefined
  }
}
