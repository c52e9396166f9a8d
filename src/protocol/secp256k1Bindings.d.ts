// The package's types cover its front door only; this is the door without the slow fallback.
declare module 'secp256k1/bindings.js' {
  const native: typeof import('secp256k1')
  export default native
}
