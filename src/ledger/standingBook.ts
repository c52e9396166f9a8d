import type { ChainEvent } from '../ports/chain.ts'
import type { Change, Store } from '../ports/store.ts'
import { ByteReader } from '../protocol/byteReader.ts'
import { type Address, bytesToHex } from '../protocol/bytes.ts'
import { ByteWriter } from '../protocol/byteWriter.ts'
import type { ManufacturerStanding, MeterRevocation, Standing } from '../protocol/standing.ts'
import { type Seconds, seconds } from '../protocol/units.ts'
import { buckets } from './buckets.ts'
import { accountKey } from './keys.ts'

/** Ends by address: of the confirmed block, and the nearest ones that heads since then showed. */
type Ends = {
  confirmed: Map<Address, Seconds>
  atHeads: Map<Address, { endsSeconds: Seconds; headNumber: number }>
}

type NamedEnd = { bucket: number; address: Address; endsSeconds: Seconds }

/** Whose end an event sets; undefined for an event of another kind. */
function endOf(event: ChainEvent): NamedEnd | undefined {
  if (event.kind === 'ManufacturerSet') {
    const { manufacturer: address, endsSeconds } = event
    return { bucket: buckets.manufacturer, address, endsSeconds }
  }
  if (event.kind === 'MeterRevoked') {
    const { meter: address, endsSeconds } = event
    return { bucket: buckets.revokedMeter, address, endsSeconds }
  }
  return undefined
}

/** The row that an event of governance leaves; undefined where it is not about standing. */
export function standingChange(event: ChainEvent): Change | undefined {
  const end = endOf(event)
  if (end === undefined) return undefined
  const value = new ByteWriter(5).uint40(end.endsSeconds).finish()
  return { bucket: end.bucket, key: accountKey(end.address), value }
}

const noEnds = (): Ends => ({ confirmed: new Map(), atHeads: new Map() })

/**
 * Whom the market trusts to vouch for meters, in memory: every admission asks. The store has the
 * confirmed part.
 *
 * An end that any head showed counts at once, until its height is confirmed; one that is new or
 * further away counts only when it is confirmed. So a member can only be stricter than the chain.
 */
export class StandingBook implements Standing {
  readonly #ends = new Map<number, Ends>([
    [buckets.manufacturer, noEnds()],
    [buckets.revokedMeter, noEnds()],
  ])

  /** Reads the confirmed part anew. What heads showed stays. */
  reload(store: Store): void {
    for (const [bucket, { confirmed }] of this.#ends) {
      confirmed.clear()
      for (const { key, value } of store.entries(bucket)) {
        confirmed.set(bytesToHex(key), seconds(new ByteReader(value).uint40()))
      }
    }
  }

  /** Takes in events of blocks that are confirmed now; their rows are in the store. */
  noteConfirmed(events: readonly ChainEvent[]): void {
    for (const event of events) {
      const end = endOf(event)
      if (end !== undefined) this.#endsIn(end.bucket).confirmed.set(end.address, end.endsSeconds)
    }
  }

  /** Takes in what the blocks above the confirmed one show. */
  noteHead(confirmedNumber: number, headNumber: number, events: readonly ChainEvent[]): void {
    for (const { atHeads } of this.#ends.values()) {
      for (const [address, end] of atHeads) {
        if (end.headNumber <= confirmedNumber) atHeads.delete(address)
      }
    }
    for (const event of events) {
      const end = endOf(event)
      if (end === undefined) continue
      const { atHeads } = this.#endsIn(end.bucket)
      const known = atHeads.get(end.address)?.endsSeconds ?? end.endsSeconds
      const endsSeconds = nearerOf(known, end.endsSeconds)
      atHeads.set(end.address, { endsSeconds, headNumber })
    }
  }

  manufacturerEndsSeconds(manufacturer: Address): Seconds | undefined {
    const { confirmed, atHeads } = this.#endsIn(buckets.manufacturer)
    const known = confirmed.get(manufacturer)
    if (known === undefined) return undefined
    return nearerOf(known, atHeads.get(manufacturer)?.endsSeconds ?? known)
  }

  meterEndsSeconds(meter: Address): Seconds | undefined {
    const { confirmed, atHeads } = this.#endsIn(buckets.revokedMeter)
    const atHead = atHeads.get(meter)?.endsSeconds
    const known = confirmed.get(meter) ?? atHead
    return known && nearerOf(known, atHead ?? known)
  }

  /** Manufacturers that are or were trusted, by address. */
  listManufacturers(): ManufacturerStanding[] {
    const { confirmed } = this.#endsIn(buckets.manufacturer)
    return [...confirmed.keys()].sort().map((manufacturer) => {
      return { manufacturer, endsSeconds: this.manufacturerEndsSeconds(manufacturer)! }
    })
  }

  /** Meters that are revoked, or about to be, by address. */
  listRevokedMeters(): MeterRevocation[] {
    const { confirmed, atHeads } = this.#endsIn(buckets.revokedMeter)
    return [...new Set([...confirmed.keys(), ...atHeads.keys()])].sort().map((meter) => {
      return { meter, endsSeconds: this.meterEndsSeconds(meter)! }
    })
  }

  #endsIn(bucket: number): Ends {
    return this.#ends.get(bucket)!
  }
}

function nearerOf(one: Seconds, other: Seconds): Seconds {
  return one < other ? one : other
}
