import { refuseSpec } from './sourceSpec.ts'

/** The way to a value in JSON: names of fields and numbers in lists. Empty: all of it. */
export type JsonPath = readonly (string | number)[]

const longestPath = 256
const mostSteps = 16
const stepPattern = /\.([^.[\]'"\s]+)|\[(\d{1,5})\]|\['([^']*)'\]|\["([^"]*)"\]/y

/**
 * Reads a path such as `$`, `$.ENERGY.Total`, `$.list[0]` or `$['em1data:0'].total`: a small part
 * of JSONPath (RFC 9535), without wildcards and filters.
 *
 * Throws `source/option` for anything else, over 256 characters and over 16 steps.
 */
export function parseJsonPath(text: string, option: string): JsonPath {
  const refuse = () =>
    refuseSpec(`The option ${option} is not a path.`, 'Write $.a.b[0], or $ for a plain number.')
  if (!text.startsWith('$') || text.length > longestPath) throw refuse()
  const steps: (string | number)[] = []
  stepPattern.lastIndex = 1
  for (let from = 1; from < text.length; from = stepPattern.lastIndex) {
    stepPattern.lastIndex = from
    const match = stepPattern.exec(text)
    if (match === null || steps.length === mostSteps) throw refuse()
    const [, name, index, single, double] = match
    steps.push(index === undefined ? (name ?? single ?? double ?? '') : Number(index))
  }
  return steps
}

/** The value at a path; undefined where there is none. Only what JSON itself holds is found. */
export function readJsonPath(path: JsonPath, document: unknown): unknown {
  let value = document
  for (const step of path) {
    const isThere =
      typeof step === 'number'
        ? Array.isArray(value)
        : typeof value === 'object' && value !== null && !Array.isArray(value)
    if (!isThere || !Object.hasOwn(value as object, step)) return undefined
    value = (value as Record<string | number, unknown>)[step]
  }
  return value
}
