import type { Address, Hex } from './bytes.ts'
import {
  decodeAddress,
  decodeBigint,
  decodeHex,
  decodeList,
  decodeNumber,
  decodeObject,
} from './decodeMessage.ts'
import { assert, SpbError } from './spbError.ts'

/** A JSON schema (draft 2020-12), as plain data. */
export type JsonSchema = { readonly [keyword: string]: unknown }

/** A value's JSON form: how it is written, how it is read strictly, and its schema. */
export type Codec<Value> = {
  readonly schema: JsonSchema
  /** The JSON form: strings, numbers, booleans, null, lists and plain objects only. */
  encode(value: Value): unknown
  /** Throws `input/*` for anything that `encode` does not write; `what` names it in messages. */
  decode(json: unknown, what: string): Value
}

const writeAsIs = (value: unknown): unknown => value

/** A whole number from 0 to `most`, by default 2^53 - 1. */
export function numberCodec<Value extends number = number>(
  most = Number.MAX_SAFE_INTEGER,
): Codec<Value> {
  return {
    schema: { type: 'integer', minimum: 0, maximum: most },
    encode: writeAsIs,
    decode: (json, what) => decodeNumber(json, most, what) as Value,
  }
}

/** An unsigned integer of so many bits, written as a decimal string. */
export function bigintCodec<Value extends bigint = bigint>(bits: number): Codec<Value> {
  return {
    schema: {
      type: 'string',
      pattern: '^(0|[1-9][0-9]{0,77})$',
      description: `A decimal integer below 2^${bits}.`,
    },
    encode: (value) => value.toString(),
    decode: (json, what) => decodeBigint(json, bits, what) as Value,
  }
}

/** Hexadecimal of exactly `length` bytes. */
export function hexCodec(length: number): Codec<Hex> {
  return {
    schema: { type: 'string', pattern: `^0x[0-9a-fA-F]{${2 * length}}$` },
    encode: writeAsIs,
    decode: (json, what) => decodeHex(json, length, what),
  }
}

/** Hexadecimal of up to `most` bytes. */
export function bytesCodec(most: number): Codec<Hex> {
  return {
    schema: { type: 'string', pattern: `^0x([0-9a-fA-F]{2}){0,${most}}$` },
    encode: writeAsIs,
    decode(json, what) {
      const length = typeof json === 'string' ? (json.length - 2) / 2 : 0
      if (length > most) throw new SpbError('input/too-large', `${what} is over ${most} bytes.`)
      return decodeHex(json, length, what)
    },
  }
}

/** An address other than zero. */
export const addressCodec: Codec<Address> = {
  schema: { type: 'string', pattern: '^0x[0-9a-fA-F]{40}$' },
  encode: writeAsIs,
  decode: decodeAddress,
}

/** True or false. */
export const booleanCodec: Codec<boolean> = {
  schema: { type: 'boolean' },
  encode: writeAsIs,
  decode(json, what) {
    if (typeof json !== 'boolean') throw new SpbError('input/shape', `${what} is not a boolean.`)
    return json
  },
}

/** Text of at most `most` UTF-16 units. */
export function textCodec(most: number): Codec<string> {
  return {
    schema: { type: 'string', maxLength: most },
    encode: writeAsIs,
    decode(json, what) {
      if (typeof json !== 'string') throw new SpbError('input/shape', `${what} is not text.`)
      if (json.length > most) throw new SpbError('input/too-large', `${what} is too long.`)
      return json
    },
  }
}

/** One of some words. */
export function wordCodec<Word extends string>(words: readonly Word[]): Codec<Word> {
  return {
    schema: { type: 'string', enum: words },
    encode: writeAsIs,
    decode(json, what) {
      const word = words.find((candidate) => candidate === json)
      if (word === undefined) {
        throw new SpbError('input/shape', `${what} is not one of ${words.join(', ')}.`)
      }
      return word
    },
  }
}

/** A list of at most `most` items. */
export function listCodec<Item>(item: Codec<Item>, most: number): Codec<Item[]> {
  return {
    schema: { type: 'array', items: item.schema, maxItems: most },
    encode: (values) => values.map((value) => item.encode(value)),
    decode: (json, what) => decodeList(json, most, what, (each) => item.decode(each, what)),
  }
}

/** A value or null. */
export function nullableCodec<Value>(codec: Codec<Value>): Codec<Value | null> {
  return {
    schema: { anyOf: [codec.schema, { type: 'null' }] },
    encode: (value) => (value === null ? null : codec.encode(value)),
    decode: (json, what) => (json === null ? null : codec.decode(json, what)),
  }
}

type OptionalKeys<Value> = {
  [Key in keyof Value]-?: object extends Pick<Value, Key> ? Key : never
}[keyof Value]
type RequiredKeys<Value> = Exclude<keyof Value, OptionalKeys<Value>>

/** Codecs of the fields that an object always has. */
export type RequiredFields<Value> = { readonly [Key in RequiredKeys<Value>]: Codec<Value[Key]> }
/** Codecs of the fields that an object may lack. */
export type OptionalFields<Value> = {
  readonly [Key in OptionalKeys<Value>]-?: Codec<Exclude<Value[Key], undefined>>
}

/**
 * An object of exactly these fields. The type demands a codec for each field of `Value`, so a view
 * that grows does not compile until its JSON form grows too.
 */
export function objectCodec<Value extends object>(
  title: string,
  required: RequiredFields<Value>,
  optional: OptionalFields<Value>,
): Codec<Value> {
  const names = Object.keys(required)
  const optionalNames = Object.keys(optional)
  const fields = Object.entries<Codec<unknown>>({ ...required, ...optional })
  return {
    schema: {
      title,
      type: 'object',
      properties: Object.fromEntries(fields.map(([name, codec]) => [name, codec.schema])),
      required: names,
      additionalProperties: false,
    },
    encode(value) {
      const values = value as Record<string, unknown>
      const encoded: Record<string, unknown> = {}
      for (const [name, codec] of fields) {
        const isAbsent = values[name] === undefined
        assert(!isAbsent || optionalNames.includes(name), `a ${title} has its ${name}`)
        if (!isAbsent) encoded[name] = codec.encode(values[name])
      }
      return encoded
    },
    decode(json, what) {
      const object = decodeObject(json, names, what, optionalNames)
      const decoded: Record<string, unknown> = {}
      for (const [name, codec] of fields) {
        if (Object.hasOwn(object, name)) decoded[name] = codec.decode(object[name], name)
      }
      return decoded as Value
    },
  }
}

/** An object whose `kind` says which of some shapes it has. */
export function unionCodec<Value extends { kind: string }>(
  title: string,
  cases: { readonly [Kind in Value['kind']]: Codec<Extract<Value, { kind: Kind }>> },
): Codec<Value> {
  const codecs = new Map<unknown, Codec<Value>>(Object.entries(cases))
  return {
    schema: { title, anyOf: [...codecs.values()].map((codec) => codec.schema) },
    encode: (value) => codecs.get(value.kind)?.encode(value),
    decode(json, what) {
      const kind = typeof json === 'object' && json !== null && 'kind' in json && json.kind
      const codec = codecs.get(kind)
      if (codec === undefined) throw new SpbError('input/shape', `${what} is of no known kind.`)
      return codec.decode(json, what)
    },
  }
}
