import type { PeerId } from '../../ports/network.ts'
import { assert } from '../../protocol/spbError.ts'
import { type LinkPolicy, MemoryLink, type Transfer } from './memoryLink.ts'

/** What a hub works with. */
export type MemoryHubOptions = {
  /** Time by which delays, blame and refusals go. */
  nowMs(): number
  /** Runs a task after a span; a simulator's scheduler, or `setTimeout`. */
  schedule(delayMs: number, task: () => void): void
  policy?: LinkPolicy
  /** Time from when two peers can connect until they are; 0 unless given. */
  connectMs?: number
}

/** A network as its hub sees it. */
export type HubMember = {
  readonly self: PeerId
  /** True where it keeps a connection to a peer. */
  wants(peer: PeerId): boolean
  /** True where it does not refuse a connection with a peer. */
  takes(peer: PeerId): boolean
  /** A connection came up, with the link to send by; or it went down. */
  noteConnection(peer: PeerId, link: MemoryLink | undefined): void
  take(transfer: Transfer): void
}

/** What connects networks in memory. */
export type MemoryHub = {
  nowMs(): number
  schedule(delayMs: number, task: () => void): void
  /** Connects and cuts what the policy, or a network, now sees otherwise. */
  review(): void
  join(member: HubMember): void
  leave(member: HubMember): void
  cut(one: PeerId, other: PeerId): void
}

/**
 * Connects networks in memory, deterministically: what happens depends on the order of calls,
 * the injected scheduler and the policy alone.
 */
export function createMemoryHub(options: MemoryHubOptions): MemoryHub {
  const { nowMs, schedule, policy = {}, connectMs = 0 } = options
  const members = new Map<PeerId, HubMember>()
  const connections = new Map<string, { pair: [PeerId, PeerId]; links: MemoryLink[] }>()

  const canConnect = (one: HubMember, other: HubMember) =>
    (one.wants(other.self) || other.wants(one.self)) &&
    one.takes(other.self) &&
    other.takes(one.self) &&
    (policy.canConnect?.(one.self, other.self) ?? true)

  function cut(one: PeerId, other: PeerId): void {
    const connection = connections.get(keyOf(one, other))
    if (connection === undefined) return
    connections.delete(keyOf(one, other))
    for (const link of connection.links) link.cut()
    members.get(one)?.noteConnection(other, undefined)
    members.get(other)?.noteConnection(one, undefined)
  }

  function connect(one: HubMember, other: HubMember): void {
    // Much may have changed since this was scheduled.
    const isHere = members.get(one.self) === one && members.get(other.self) === other
    if (!isHere || connections.has(keyOf(one.self, other.self)) || !canConnect(one, other)) return
    const makeLink = (to: HubMember) =>
      new MemoryLink({ nowMs, schedule, policy, deliver: (transfer) => to.take(transfer) })
    const [there, back] = [makeLink(other), makeLink(one)]
    const key = keyOf(one.self, other.self)
    connections.set(key, { pair: [one.self, other.self], links: [there, back] })
    one.noteConnection(other.self, there)
    // The first may have cut the connection at once.
    if (connections.get(key)?.links[1] === back) other.noteConnection(one.self, back)
  }

  function review(): void {
    for (const { pair } of [...connections.values()]) {
      if (policy.canConnect?.(...pair) === false) cut(...pair)
    }
    const present = [...members.values()]
    for (const [at, one] of present.entries()) {
      for (const other of present.slice(at + 1)) {
        if (connections.has(keyOf(one.self, other.self)) || !canConnect(one, other)) continue
        schedule(connectMs, () => connect(one, other))
      }
    }
  }

  return {
    nowMs,
    schedule,
    review,
    cut,
    join(member) {
      assert(!members.has(member.self), 'one network a name in a hub')
      members.set(member.self, member)
      review()
    },
    leave(member) {
      if (members.get(member.self) !== member) return
      for (const other of members.keys()) cut(member.self, other)
      members.delete(member.self)
    },
  }
}

function keyOf(one: PeerId, other: PeerId): string {
  return one < other ? `${one} ${other}` : `${other} ${one}`
}
