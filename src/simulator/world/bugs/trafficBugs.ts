import type { Network } from '../../../ports/network.ts'
import { kindNumbers } from '../../../protocol/wire/nodeMessageCodec.ts'
import type { PlantedBug } from './plantedBug.ts'

/** A network that keeps some kinds of messages to itself. */
function withhold(network: Network, kinds: readonly (keyof typeof kindNumbers)[]): Network {
  const numbers = new Set(kinds.map((kind) => kindNumbers[kind]))
  const isWithheld = (bytes: Uint8Array) => numbers.has(bytes[0]!)
  return {
    self: network.self,
    addresses: () => network.addresses(),
    start: (handlers) => network.start(handlers),
    connect: (address) => network.connect(address),
    peers: () => network.peers(),
    send: (peer, bytes) => isWithheld(bytes) || network.send(peer, bytes),
    publish(bytes) {
      if (!isWithheld(bytes)) network.publish(bytes)
    },
    report: (peer, code) => network.report(peer, code),
    close: () => network.close(),
  }
}

/** Bugs in what nodes tell each other. */
export const trafficBugs: readonly PlantedBug[] = [
  {
    name: 'never-catches-up',
    breaks: 'a node that was away fetches what it missed',
    promise: 'live',
    seeds: 10,
    world: { nodes: 4 },
    network: (network) => withhold(network, ['treeAsk', 'recordsAsk', 'treeTell', 'recordsTell']),
  },
]
