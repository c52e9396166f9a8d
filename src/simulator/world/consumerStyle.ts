/** How a consumer behaves: as told, signing two CTPs at a nonce, promising too much, or forging. */
export type ConsumerStyle = 'honest' | 'doubleSpender' | 'overspender' | 'forger'
