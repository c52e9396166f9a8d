import { privateKeyFromRaw } from '@libp2p/crypto/keys'
import type { PrivateKey } from '@libp2p/interface'
import { peerIdFromPrivateKey } from '@libp2p/peer-id'
import { ed25519 } from '@noble/curves/ed25519.js'
import type { PeerId } from '../../ports/network.ts'
import { assert } from '../../protocol/spbError.ts'

/** The transport key of an Ed25519 seed of 32 bytes. */
export function transportKeyOf(seed: Uint8Array): PrivateKey {
  assert(seed.length === 32, 'a transport key is a seed of 32 bytes')
  return privateKeyFromRaw(Uint8Array.from([...seed, ...ed25519.getPublicKey(seed)]))
}

/** The name under which the owner of an Ed25519 seed of 32 bytes is known in the network. */
export function peerIdOf(seed: Uint8Array): PeerId {
  return peerIdFromPrivateKey(transportKeyOf(seed)).toString()
}
