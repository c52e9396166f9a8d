import { type Static, Type } from 'typebox'
import { Compile } from 'typebox/compile'
import type { Bytes32 } from '../protocol/bytes.ts'
import { decodeAddress, decodeBigint, decodeHex, decodeNumber } from '../protocol/decodeMessage.ts'
import type { ErrorCode } from '../protocol/errorTable.ts'
import { SpbError } from '../protocol/spbError.ts'
import { ctpStates, viewLimits } from '../protocol/viewCodecs.ts'
import type { CtpFilter, OfferFilter } from '../protocol/views.ts'
import { witnessLimits } from '../protocol/witnessCodecs.ts'

const decimalPattern = '^(0|[1-9][0-9]{0,28})$'
const addressPattern = '^0x[0-9a-fA-F]{40}$'
const idPattern = '^0x[0-9a-fA-F]{64}$'

/** What a parameter that does not match its pattern is refused with. */
const codeOfPattern: Readonly<Record<string, ErrorCode>> = {
  [decimalPattern]: 'input/number',
  [addressPattern]: 'input/address',
  [idPattern]: 'input/hex',
}

const decimal = (description: string) => Type.String({ pattern: decimalPattern, description })
const address = (description: string) => Type.String({ pattern: addressPattern, description })
const strict = { additionalProperties: false } as const
/** How many items a list has unless its request says. */
const defaultLimit = 100
const limit = Type.Optional(
  decimal(`At most so many: 1 to ${viewLimits.pageItems}, ${defaultLimit} if not given.`),
)

/** Parameters of a query for CTPs. */
export const ctpQuerySchema = Type.Object(
  {
    account: Type.Optional(address('Only CTPs of this consumer or producer.')),
    state: Type.Optional(
      Type.Unsafe<(typeof ctpStates)[number]>({ type: 'string', enum: ctpStates }),
    ),
    afterNumber: Type.Optional(decimal('Only CTPs of a higher number.')),
    beforeNumber: Type.Optional(decimal('Only CTPs of a lower number: the next page.')),
    limit,
  },
  strict,
)

/** Parameters of a query for offers. */
export const offerQuerySchema = Type.Object(
  {
    producer: Type.Optional(address('Only offers of this producer.')),
    belowWeiPerKwh: Type.Optional(decimal('Only offers of at most this price.')),
    atLeastWh: Type.Optional(decimal('Only offers with so much energy left.')),
    isClosedIncluded: Type.Optional(
      Type.Unsafe<'true' | 'false'>({ type: 'string', enum: ['true', 'false'] }),
    ),
    limit,
  },
  strict,
)

/** Parameters of the stream of events. */
export const eventQuerySchema = Type.Object(
  { account: Type.Optional(address('Only CTPs and offers of this account.')) },
  strict,
)

/** The path of a CTP by id or number. */
export const ctpKeyParamsSchema = Type.Object({
  key: Type.String({ description: 'The CTP’s id, or its number at this node.', maxLength: 66 }),
})
/** The path of a CTP by id. */
export const ctpIdParamsSchema = Type.Object({ key: Type.String({ pattern: idPattern }) })
/** The path of an account. */
export const accountParamsSchema = Type.Object({
  address: address('The account’s address.'),
})

/** The path of a witness. */
export const witnessParamsSchema = Type.Object({ meter: address('The witness’s meter.') })
/** How long a witness waits for requests. */
export const witnessQuerySchema = Type.Object(
  {
    wait: Type.Optional(
      decimal(`Seconds to wait: 0 to ${witnessLimits.pollSeconds}, which is also the default.`),
    ),
  },
  strict,
)
/** What opens a witness's mailbox. */
export const tokenHeadersSchema = Type.Object({
  'spb-witness-token': Type.String({
    pattern: idPattern,
    description: 'The token whose hash the witness’s post names.',
  }),
})

type ObjectSchema = { properties?: Record<string, { pattern?: string }> }

/** Makes the check of a request's path, query or headers; it refuses with `input/*`. */
export function compileParameters(schema: Type.TSchema) {
  const check = Compile(schema)
  return (value: unknown) => {
    // No parameters at all come as undefined or null.
    if (check.Check(value ?? {})) return { value }
    const name = check.Errors(value ?? {})[0]?.instancePath.slice(1) ?? ''
    const { properties = {} } = schema as ObjectSchema
    const property = Object.hasOwn(properties, name) ? properties[name] : undefined
    if (property === undefined) {
      return { error: new SpbError('input/shape', 'A parameter is not known, or missing.') }
    }
    const code = codeOfPattern[property.pattern ?? ''] ?? 'input/shape'
    return { error: new SpbError(code, `The parameter ${name} is not understood.`) }
  }
}

function parseNumber(text: string, most: number, name: string): number {
  return decodeNumber(Number(text), most, name)
}

function parseLimit(text: string | undefined): number {
  const most = viewLimits.pageItems
  const value = text === undefined ? defaultLimit : parseNumber(text, most, 'limit')
  if (value === 0) throw new SpbError('input/number', `limit is not from 1 to ${most}.`)
  return value
}

/** What a query for CTPs asks of the node. Throws `input/*`. */
export function decodeCtpQuery(query: Static<typeof ctpQuerySchema>): CtpFilter {
  const { account, state, afterNumber, beforeNumber } = query
  return {
    limit: parseLimit(query.limit),
    ...(account === undefined ? {} : { account: decodeAddress(account, 'account') }),
    ...(state === undefined ? {} : { state }),
    ...(afterNumber === undefined
      ? {}
      : { afterNumber: parseNumber(afterNumber, Number.MAX_SAFE_INTEGER, 'afterNumber') }),
    ...(beforeNumber === undefined
      ? {}
      : { beforeNumber: parseNumber(beforeNumber, Number.MAX_SAFE_INTEGER, 'beforeNumber') }),
  }
}

/** What a query for offers asks of the node. Throws `input/*`. */
export function decodeOfferQuery(query: Static<typeof offerQuerySchema>): OfferFilter {
  const { producer, belowWeiPerKwh, atLeastWh, isClosedIncluded } = query
  return {
    limit: parseLimit(query.limit),
    ...(producer === undefined ? {} : { producer: decodeAddress(producer, 'producer') }),
    ...(belowWeiPerKwh === undefined
      ? {}
      : { belowWeiPerKwh: decodeBigint(belowWeiPerKwh, 96, 'belowWeiPerKwh') }),
    ...(atLeastWh === undefined
      ? {}
      : { atLeastWh: parseNumber(atLeastWh, 2 ** 32 - 1, 'atLeastWh') }),
    ...(isClosedIncluded === undefined ? {} : { isClosedIncluded: isClosedIncluded === 'true' }),
  }
}

/** A CTP's id or number, from a path. Throws `input/hex`, `input/number`. */
export function decodeCtpKey(text: string): Bytes32 | number {
  if (text.startsWith('0x')) return decodeHex(text, 32, 'id')
  const number = /^(0|[1-9]\d{0,15})$/.test(text) ? Number(text) : -1
  return decodeNumber(number, Number.MAX_SAFE_INTEGER, 'number')
}
