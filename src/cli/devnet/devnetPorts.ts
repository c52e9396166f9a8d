import { findFreePort, requireFreePort } from '../../adapters/chain/freePort.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { DevnetPorts } from './devnetFolder.ts'

/** The first port unless told otherwise: above those of `spb up`. */
export const defaultBasePort = 8_700
const kinds = ['api', 'network', 'rpc', 'peer'] as const

async function findPorts(count: number): Promise<number[]> {
  const ports = new Set<number>()
  while (ports.size < count) ports.add(await findFreePort())
  return [...ports]
}

/**
 * Ports of a new devnet, in a row from `basePort`: the members' APIs first, then their other ones;
 * any free ones where it is 0. Throws `node/port-in-use`, `input/option`.
 */
export async function choosePorts(nodes: number, basePort: number): Promise<DevnetPorts[]> {
  const count = kinds.length * nodes
  if (basePort !== 0 && basePort + count > 65_536) {
    throw new SpbError('input/option', `There are no ${count} ports above ${basePort}.`)
  }
  const ports =
    basePort === 0
      ? await findPorts(count)
      : Array.from({ length: count }, (_, at) => basePort + at)
  const portsOf = (at: number) =>
    Object.fromEntries(kinds.map((kind, row) => [kind, ports[row * nodes + at]!]))
  return Array.from({ length: nodes }, (_, at) => portsOf(at) as DevnetPorts)
}

/** Refuses to start where another program has one of the ports. Throws `node/port-in-use`. */
export async function requireFreePorts(nodes: readonly DevnetPorts[]): Promise<void> {
  for (const ports of nodes) {
    for (const kind of kinds) {
      await requireFreePort(ports[kind]).catch((cause) => {
        throw new SpbError('node/port-in-use', `Port ${ports[kind]} is in use.`, {
          hint: 'Choose others with --base-port, or end the other program.',
          ...{ meta: { port: ports[kind] }, cause },
        })
      })
    }
  }
}
