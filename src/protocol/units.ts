declare const unit: unique symbol
/** A number or bigint that cannot be mixed up with another unit. */
type Branded<Value, Name extends string> = Value & { readonly [unit]: Name }

/** Wei, 0 to 2^96 - 1. */
export type Wei = Branded<bigint, 'Wei'>
/** Watt-hours, a whole number from 0 to 2^32 - 1 in messages. */
export type Wh = Branded<number, 'Wh'>
/** Unix time in whole seconds, 0 to 2^40 - 1. */
export type Seconds = Branded<number, 'Seconds'>

/** Largest values of the fields that carry units. */
export const maxUint32 = 2 ** 32 - 1
export const maxUint40 = 2 ** 40 - 1
export const maxUint96 = 2n ** 96n - 1n

/** Trusts the caller: for values that were checked, or computed from checked ones. */
export const wei = (value: bigint): Wei => value as Wei
export const wh = (value: number): Wh => value as Wh
export const seconds = (value: number): Seconds => value as Seconds
