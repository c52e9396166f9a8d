import Type, { type Static } from 'typebox'
import { Value } from 'typebox/value'
import { SpbError } from '../../protocol/spbError.ts'
import type { HouseholdSpec } from './householdSpec.ts'
import { profileLimits } from './profileLimits.ts'
import { isProfileUnit, type ProfileUnit, profileUnits } from './profileUnit.ts'

const text = Type.String({ minLength: 1, maxLength: 256 })
const seriesFields = {
  file: Type.String({ minLength: 1, maxLength: 4096 }),
  time: Type.Optional(text),
  zone: Type.Optional(Type.String({ minLength: 1, maxLength: 64 })),
  column: text,
  unit: text,
}
const peakWatts = Type.Optional(Type.Integer({ minimum: 1, maximum: profileLimits.powerWatts }))
const strict = { additionalProperties: false }
const loadSchema = Type.Object(seriesFields, strict)
const plantSchema = Type.Object({ ...seriesFields, peakWatts }, strict)
const householdSchema = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 64 }),
    load: Type.Optional(loadSchema),
    pv: Type.Optional(plantSchema),
  },
  strict,
)
const fileSchema = Type.Array(householdSchema, { minItems: 1 })

/**
 * Reads the text of a households file (docs/profiles.md) into homes.
 *
 * `time` is `timestamp` unless given; a home's `pv` takes `time` and `zone` of its `load` unless
 * it has its own. Throws `profile/households-file`, `profile/unit` and `input/too-large`.
 */
export function parseHouseholdsFile(json: string): HouseholdSpec[] {
  const parsed = parseJson(json)
  if (Array.isArray(parsed) && parsed.length > profileLimits.households) {
    throw new SpbError('input/too-large', `${parsed.length} homes are too many.`)
  }
  if (!Value.Check(fileSchema, parsed)) throw refuse(describeFirstError(parsed))
  const names = new Set<string>()
  return parsed.map((home) => {
    if (names.has(home.name)) throw refuse(`Two homes have the name "${home.name}".`)
    if (/\p{Cc}/u.test(home.name)) throw refuse('A name has control characters.')
    if (!home.load && !home.pv) throw refuse(`"${home.name}" has neither load nor pv.`)
    names.add(home.name)
    return readHousehold(home)
  })
}

function readHousehold({ name, load, pv }: Static<typeof householdSchema>): HouseholdSpec {
  const home: HouseholdSpec = { name }
  if (load) {
    const unit = readUnit(load.unit, name)
    if (unit === 'pu') {
      throw new SpbError('profile/unit', `"${name}": pu is for pv; a load is in W, kW, Wh or kWh.`)
    }
    home.load = { ...load, time: load.time ?? 'timestamp', unit }
  }
  if (pv) {
    const unit = readUnit(pv.unit, name)
    if (unit === 'pu' && pv.peakWatts === undefined) {
      throw refuse(`"${name}": pv in pu needs "peakWatts".`)
    }
    const time = pv.time ?? load?.time ?? 'timestamp'
    home.pv = { ...pv, time, zone: pv.zone ?? load?.zone, unit }
  }
  return home
}

function readUnit(unit: string, name: string): ProfileUnit {
  if (isProfileUnit(unit)) return unit
  const known = profileUnits.join(', ')
  throw new SpbError('profile/unit', `"${name}": the unit "${unit}" is none of ${known}.`)
}

function parseJson(json: string): unknown {
  try {
    return JSON.parse(json.replace(/^\ufeff/, ''))
  } catch (cause) {
    throw new SpbError('profile/households-file', 'The households file is not JSON.', { cause })
  }
}

function describeFirstError(value: unknown): string {
  const [error] = Value.Errors(fileSchema, value)
  return `The households file: ${error?.instancePath || 'the list'} ${error?.message ?? ''}.`
}

function refuse(message: string): SpbError {
  return new SpbError('profile/households-file', message)
}
