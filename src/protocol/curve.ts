/** secp256k1, as the rest of the protocol needs it. Digests and private keys are 32 bytes. */
export type Curve = {
  /** Which code does the work; `native` is about 25 times faster. */
  backend: 'native' | 'noble'
  /** Deterministic (RFC 6979), low-s. `rs` is 64 bytes. */
  sign(digest: Uint8Array, privateKey: Uint8Array): { rs: Uint8Array; recovery: number }
  /** The uncompressed public key, 65 bytes, or undefined where none belongs to the signature. */
  recover(digest: Uint8Array, rs: Uint8Array, recovery: number): Uint8Array | undefined
  /** The uncompressed public key, 65 bytes. */
  publicKeyOf(privateKey: Uint8Array): Uint8Array
  isPrivateKey(privateKey: Uint8Array): boolean
}
