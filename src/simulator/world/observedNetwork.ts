import type { Network } from '../../ports/network.ts'
import { bytesToHex } from '../../protocol/bytes.ts'
import { keccak256 } from '../../protocol/keccak.ts'
import type { BrokenPromise } from './promiseChecker.ts'
import type { RunLog } from './runLog.ts'

type Watch = {
  log: RunLog
  isHonest(peer: string): boolean
  fail(broken: BrokenPromise): void
}

/** A network whose traffic goes into the run's log; honest peers must not blame each other. */
export function observeNetwork(network: Network, { log, isHonest, fail }: Watch): Network {
  const brief = (bytes: Uint8Array) => bytesToHex(keccak256(bytes)).slice(2, 10)
  return {
    self: network.self,
    addresses: () => network.addresses(),
    start: (handlers) => network.start(handlers),
    connect: (address) => network.connect(address),
    peers: () => network.peers(),
    send(peer, bytes) {
      log.write(network.self, 'sends', peer, bytes[0]!, bytes.length, brief(bytes))
      return network.send(peer, bytes)
    },
    publish(bytes) {
      log.write(network.self, 'publishes', bytes[0]!, bytes.length, brief(bytes))
      network.publish(bytes)
    },
    report(peer, code) {
      log.write(network.self, 'blames', peer, code)
      if (isHonest(peer)) {
        fail({
          promise: 'honest',
          text: `${network.self} blames the honest ${peer}: ${code}`,
        })
      }
      network.report(peer, code)
    },
    close: () => network.close(),
  }
}
