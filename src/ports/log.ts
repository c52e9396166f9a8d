/** Structured log lines; never a secret in them. */
export type Log = {
  info(meta: object, message: string): void
  warn(meta: object, message: string): void
  error(meta: object, message: string): void
}
