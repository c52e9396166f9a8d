import { SpbError } from '../protocol/spbError.ts'

/** Where a node answers, safe to show: credentials are kept apart. */
export type NodeUrl = {
  /** Without credentials, query and trailing slash. */
  base: string
  /** The value of an Authorization header, where the URL had credentials. */
  authorization: string | undefined
}

/** What stands in a URL for text; as it is where it is not encoded rightly. */
function decodePart(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** Parses a node's URL. Throws `input/option` for what is not one of http or https. */
export function parseNodeUrl(text: string): NodeUrl {
  const url = URL.parse(text)
  // The text itself is not repeated: it may hold a password.
  if (url === null || !['http:', 'https:'].includes(url.protocol)) {
    throw new SpbError('input/option', 'The node’s URL is not understood.', {
      hint: 'Write it like http://127.0.0.1:8600.',
    })
  }
  const { username, password } = url
  const credentials = `${decodePart(username)}:${decodePart(password)}`
  const bytes = new TextEncoder().encode(credentials)
  return {
    base: `${url.origin}${url.pathname.replace(/\/+$/, '')}`,
    authorization:
      username === '' && password === ''
        ? undefined
        : `Basic ${btoa(String.fromCharCode(...bytes))}`,
  }
}
