import type { FastifyDynamicSwaggerOptions } from '@fastify/swagger'
import { type TSchema, Type } from 'typebox'
import type { Codec } from '../protocol/codec.ts'
import { errorTable } from '../protocol/errorTable.ts'

/** A codec's schema for the framework; its title names it in the document. */
export function schemaOf<Value>(codec: Codec<Value>, description?: string): TSchema {
  return Type.Unsafe<unknown>({
    ...codec.schema,
    ...(description === undefined ? {} : { description }),
  })
}

const errorSchema = Type.Object(
  {
    error: Type.Object(
      {
        code: Type.String({ enum: Object.keys(errorTable) }),
        message: Type.String(),
        hint: Type.String(),
        meta: Type.Record(
          Type.String(),
          Type.Union([Type.String(), Type.Number(), Type.Boolean(), Type.Null()]),
        ),
      },
      { additionalProperties: false },
    ),
  },
  { title: 'Error', additionalProperties: false, description: 'Refused; see the code.' },
)

/** Schemas of a route's answers: of success, and of every error. */
export function answersOf(schema: TSchema, status = 200): Record<string, TSchema> {
  return { [status]: schema, default: errorSchema }
}

type Json = { [key: string]: unknown }
const isObject = (value: unknown): value is Json => typeof value === 'object' && value !== null

/** Replaces each schema that has a title by a reference, so that the document names it once. */
function hoistSchemas(value: unknown, found: Map<string, unknown>): unknown {
  if (Array.isArray(value)) return value.map((item) => hoistSchemas(item, found))
  if (!isObject(value)) return value
  const isSchema = typeof value.title === 'string' && ('type' in value || 'anyOf' in value)
  const copy: Json = {}
  for (const [key, item] of Object.entries(value)) copy[key] = hoistSchemas(item, found)
  if (!isSchema) return copy
  found.set(String(value.title), copy)
  return { $ref: `#/components/schemas/${value.title}` }
}

/** How the OpenAPI 3.1 document is begun. */
export function openApiOptions(version: string): FastifyDynamicSwaggerOptions {
  return {
    openapi: {
      openapi: '3.1.0',
      info: {
        title: 'SPB node',
        description: 'Energy trades of a market: CTPs, receipts, offers, accounts and proofs.',
        version,
      },
    },
  }
}

/** The finished OpenAPI document: each schema with a title once, among its components. */
export function finishOpenApi(document: object): object {
  const schemas = new Map<string, unknown>()
  const paths = hoistSchemas('paths' in document ? document.paths : {}, schemas)
  return { ...document, paths, components: { schemas: Object.fromEntries(schemas) } }
}
