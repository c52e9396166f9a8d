/** The time of day. Only what a person sees depends on it: rules read the chain's time. */
export type Clock = {
  /** Unix time in milliseconds. */
  nowMs(): number
}
