import fc from 'fast-check'
import { Compile } from 'typebox/compile'
import { describe, expect, it } from 'vitest'
import type { Codec, JsonSchema } from './codec.ts'
import {
  ctpSubmissionCodec,
  signedCtpCodec,
  signedErcCodec,
  voidCertificateCodec,
} from './messageCodecs.ts'
import { SpbError } from './spbError.ts'
import {
  accountViewCodec,
  ctpDossierCodec,
  ctpPageCodec,
  ctpViewCodec,
  ercViewCodec,
  marketViewCodec,
  nodeEventCodec,
  nodeStatusCodec,
  nodeTotalsCodec,
  offerPageCodec,
  offerViewCodec,
  proofViewCodec,
} from './viewCodecs.ts'

const codecs: [name: string, codec: Codec<unknown>][] = [
  ['MarketView', marketViewCodec],
  ['CtpView', ctpViewCodec],
  ['CtpDossier', ctpDossierCodec],
  ['ErcView', ercViewCodec],
  ['AccountView', accountViewCodec],
  ['OfferView', offerViewCodec],
  ['NodeStatus', nodeStatusCodec],
  ['NodeTotals', nodeTotalsCodec],
  ['NodeEvent', nodeEventCodec],
  ['ProofView', proofViewCodec],
  ['CtpPage', ctpPageCodec],
  ['OfferPage', offerPageCodec],
  ['VoidCertificate', voidCertificateCodec],
  ['CtpSubmission', ctpSubmissionCodec],
  ['SignedCtp', signedCtpCodec],
  ['SignedErc', signedErcCodec],
]

type Schema = JsonSchema & {
  type?: string
  pattern?: string
  description?: string
  enum?: string[]
  const?: unknown
  anyOf?: Schema[]
  items?: Schema
  maximum?: number
  maxItems?: number
  maxLength?: number
  required?: string[]
  properties?: Record<string, Schema>
}

function arbitraryText(schema: Schema): fc.Arbitrary<string> {
  const bits = /below 2\^(\d+)/.exec(schema.description ?? '')?.[1]
  if (bits !== undefined) return fc.bigInt(0n, 2n ** BigInt(bits) - 1n).map(String)
  if (schema.enum !== undefined) return fc.constantFrom(...schema.enum)
  if (schema.pattern === undefined) return fc.string({ maxLength: schema.maxLength ?? 0 })
  // Zero addresses are shaped rightly and still refused: they have their own test.
  return fc.stringMatching(new RegExp(schema.pattern)).filter((text) => !/^0x0{40}$/.test(text))
}

/** JSON that a schema describes. */
function arbitraryJson(schema: Schema): fc.Arbitrary<unknown> {
  if (schema.anyOf !== undefined) return fc.oneof(...schema.anyOf.map(arbitraryJson))
  if (schema.const !== undefined) return fc.constant(schema.const)
  switch (schema.type) {
    case 'null':
      return fc.constant(null)
    case 'boolean':
      return fc.boolean()
    case 'integer':
      return fc.maxSafeNat().map((value) => value % ((schema.maximum ?? 0) + 1))
    case 'array':
      return fc.array(arbitraryJson(schema.items ?? {}), {
        maxLength: Math.min(schema.maxItems ?? 0, 3),
      })
    case 'object': {
      const fields = Object.entries(schema.properties ?? {})
      const model = Object.fromEntries(fields.map(([name, each]) => [name, arbitraryJson(each)]))
      return fc.record(model, { requiredKeys: schema.required ?? [] })
    }
    default:
      return arbitraryText(schema)
  }
}

/** Hexadecimal is read in any case and written in lower case. */
function lowerHex(json: unknown): unknown {
  return JSON.parse(JSON.stringify(json), (_key, value) =>
    typeof value === 'string' && /^0x[0-9a-fA-F]*$/.test(value) ? value.toLowerCase() : value,
  )
}

describe.each(codecs)('%s in JSON', (_name, codec) => {
  it('is read as its schema describes, and written back the same', () => {
    const check = Compile(codec.schema)
    fc.assert(
      fc.property(arbitraryJson(codec.schema as Schema), (json) => {
        const written = codec.encode(codec.decode(json, 'view'))
        expect(written).toEqual(lowerHex(json))
        expect(check.Check(written)).toBe(true)
      }),
      { seed: 1, numRuns: 60 },
    )
  })

  it('is refused with a code when a field is missing, foreign or wrong', () => {
    const bad = fc.oneof(
      fc.constantFrom(null, -1, 0.5, '', '0x', '0xzz', 'x'.repeat(300), true, '01', -0.1),
      fc.constant(Number.NaN),
      fc.anything(),
    )
    const place = fc.nat({ max: 1000 })
    const object = arbitraryJson(codec.schema as Schema)
    fc.assert(
      fc.property(object, bad, place, fc.nat({ max: 2 }), (json, junk, at, how) => {
        const fields: Record<string, unknown> = { ...(json as object) }
        const names = Object.keys(fields)
        const name = names[at % names.length] ?? 'x'
        if (how === 0) delete fields[name]
        if (how === 1) fields[`${name}x`] = junk
        if (how === 2) fields[name] = junk
        let decoded: unknown
        try {
          decoded = codec.decode(fields, 'view')
        } catch (error) {
          expect(error).toBeInstanceOf(SpbError)
          expect((error as SpbError).code).toMatch(/^input\//)
          return
        }
        // An optional field can go, and junk can happen to be right: then it must mean the same.
        expect(codec.decode(codec.encode(decoded), 'view')).toEqual(decoded)
        expect(how).not.toBe(1)
      }),
      { seed: 1, numRuns: 200 },
    )
  })
})
