/** One error code’s HTTP status, exit code, general sentence and hint. */
export type ErrorRow = {
  http: number
  exit: number
  message: string
  hint: string
  isRetryable?: true
}

/** Exit codes: 1 our own bug, 2 wrong input, 3 refused by a rule, 4 not found, 5 outside world. */
export const exits = { input: 2, refused: 3, unknown: 4, world: 5 } as const

/** Wrong input: 400, exit 2. */
export const input = (message: string, hint: string): ErrorRow => ({
  http: 400,
  exit: exits.input,
  message,
  hint,
})
/** Refused by a rule: 409, exit 3. */
export const refused = (message: string, hint: string): ErrorRow => ({
  http: 409,
  exit: exits.refused,
  message,
  hint,
})
/** Refused by a rule, for now: 409, exit 3, may be tried again. */
export const refusedForNow = (message: string, hint: string): ErrorRow => ({
  http: 409,
  exit: exits.refused,
  message,
  hint,
  isRetryable: true,
})
/** Not there: 404, exit 4. */
export const unknown = (message: string, hint: string): ErrorRow => ({
  http: 404,
  exit: exits.unknown,
  message,
  hint,
})
/** The world outside fails: 503, exit 5, may be tried again. */
export const world = (message: string, hint: string): ErrorRow => ({
  http: 503,
  exit: exits.world,
  message,
  hint,
  isRetryable: true,
})
/** The world outside is not as it must be: 500, exit 5. */
export const broken = (message: string, hint: string): ErrorRow => ({
  http: 500,
  exit: exits.world,
  message,
  hint,
})
