/**
 * How a consumer behaves: as told, signing two CTPs at a nonce, promising too much, forging, or
 * taking his money away while he promises it.
 */
export type ConsumerStyle = 'honest' | 'doubleSpender' | 'overspender' | 'forger' | 'leaver'
