import { SpbError } from '../protocol/spbError.ts'

/** Keys that reach an object's prototype instead of the object. */
const forbiddenKeys = new Set(['__proto__', 'constructor', 'prototype'])

/**
 * Parses JSON that came from outside, of a length that was bounded before.
 *
 * Throws `input/shape` for text that is not JSON, is nested deeper than `mostDepth`, or has an
 * object with two equal keys or a key that would reach its prototype.
 */
export function parseStrictJson(text: string, mostDepth: number): unknown {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch (cause) {
    throw new SpbError('input/shape', 'The body is not valid JSON.', { cause })
  }
  checkStructure(text, mostDepth)
  return value
}

const tokenPattern = /"(?:[^"\\]|\\.)*"|[{}[\],:]/g

/** Checks depth and keys of text that is known to be valid JSON. */
function checkStructure(text: string, mostDepth: number): void {
  /** Keys of each open object; undefined for a list. */
  const open: (Set<string> | undefined)[] = []
  let lastText: string | undefined
  for (const [token] of text.matchAll(tokenPattern)) {
    if (token === '{' || token === '[') {
      open.push(token === '{' ? new Set() : undefined)
      if (open.length > mostDepth) {
        throw new SpbError('input/shape', `The body is nested deeper than ${mostDepth}.`)
      }
    } else if (token === '}' || token === ']') {
      open.pop()
    } else if (token === ':') {
      addKey(open.at(-1), lastText)
    } else if (token !== ',') {
      lastText = token
    }
  }
}

function addKey(keys: Set<string> | undefined, token: string | undefined): void {
  const key: string = JSON.parse(token ?? '""')
  if (forbiddenKeys.has(key)) throw new SpbError('input/shape', `The key ${key} is not allowed.`)
  if (keys?.has(key)) throw new SpbError('input/shape', 'An object has the same key twice.')
  keys?.add(key)
}
