import type { FastifyRequest } from 'fastify'
import { SpbError } from '../protocol/spbError.ts'

const loopbackNames = ['localhost', '127.0.0.1', '[::1]']

/** True for an address that only this machine reaches. */
export function isLoopbackHost(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host)
}

/** `host` as it stands in a URL: IPv6 in brackets. */
export function toUrlHost(host: string): string {
  return host.includes(':') ? `[${host}]` : host
}

function hostNameOf(authority: string | undefined): string | undefined {
  const url = URL.parse(`http://${authority ?? ''}`)
  return url === null ? undefined : url.hostname
}

/**
 * Makes a check that keeps web pages of other sites away from a node that only its own machine
 * should reach: a browser on it can be led there by a name that resolves to loopback (DNS
 * rebinding), or by a WebSocket, which no same-origin policy stops.
 *
 * The check throws `node/wrong-host`. A node bound to another address accepts any name, since it
 * cannot know its own; pages of other sites are refused there as well.
 */
export function createHostGuard(
  host: string,
  allowedHosts: readonly string[],
): (request: FastifyRequest) => void {
  const names = new Set([...allowedHosts, toUrlHost(host), ...loopbackNames])
  const isBound = isLoopbackHost(host)
  return (request) => {
    const name = hostNameOf(request.headers.host)
    if (name === undefined || (isBound && !names.has(name))) throw new SpbError('node/wrong-host')
    const { origin } = request.headers
    if (origin === undefined) return
    const page = URL.parse(origin)
    const isSame = page?.host === request.headers.host
    if (!isSame && !(page !== null && allowedHosts.includes(page.hostname))) {
      throw new SpbError('node/wrong-host', 'The request comes from a page of another site.')
    }
  }
}
