/** Reproducible random numbers; not for keys. */
export type Random = {
  /** Uniform in [0, 1), 32 bits. */
  unit(): number
  /** Uniform in [low, high). */
  between(low: number, high: number): number
  /** True with this probability. */
  chance(probability: number): boolean
  /** Normally distributed, kept within three deviations. */
  normal(mean: number, deviation: number): number
}

/**
 * Makes a stream of random numbers that depends on its key alone.
 *
 * xoshiro128** (Blackman, Vigna: Scrambled Linear Pseudorandom Number Generators, 2018), its
 * state filled from the key by the finaliser of MurmurHash3 (Appleby).
 */
export function createRandom(...key: readonly number[]): Random {
  const state = new Uint32Array([1, 2, 3, 4].map((word) => hashKey(word, ...key)))
  // The one state that xoshiro never leaves.
  if (state.every((word) => word === 0)) state[0] = 1
  const unit = () => nextWord(state) / 2 ** 32
  return {
    unit,
    between: (low, high) => low + (high - low) * unit(),
    chance: (probability) => unit() < probability,
    normal(mean, deviation) {
      // Box and Muller, 1958
      const radius = Math.sqrt(-2 * Math.log(1 - unit()))
      const sample = radius * Math.cos(2 * Math.PI * unit())
      return mean + deviation * Math.min(3, Math.max(-3, sample))
    },
  }
}

/** A number in [0, 1) that depends on its key alone: noise that can be read at any place. */
export function hashToUnit(...key: readonly number[]): number {
  return hashKey(...key) / 2 ** 32
}

/** 32 bits out of whole numbers up to 2^53; larger and smaller parts both count. */
function hashKey(...key: readonly number[]): number {
  let hash = 0x9e3779b9
  for (const part of key) {
    hash = finalise(hash ^ (part >>> 0))
    hash = finalise(hash ^ (Math.floor(part / 2 ** 32) >>> 0))
  }
  return hash
}

function finalise(word: number): number {
  word = Math.imul(word ^ (word >>> 16), 0x85ebca6b)
  word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35)
  return (word ^ (word >>> 16)) >>> 0
}

function nextWord(state: Uint32Array): number {
  const [a = 0, b = 0, c = 0, d = 0] = state
  const result = Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0
  const third = c ^ a
  const fourth = d ^ b
  state[0] = a ^ fourth
  state[1] = b ^ third
  state[2] = third ^ (b << 9)
  state[3] = rotateLeft(fourth, 11)
  return result
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits))
}
