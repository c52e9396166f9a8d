/** How long to wait between attempts. */
export type RetryPlan = {
  /** After the first failure; it doubles with each further one. */
  firstMs: number
  longestMs: number
}

/**
 * Wait after so many failures in a row (1 or more), of which up to a half is left out: `spread` of
 * 0 to 1, where 1 leaves nothing out, keeps many meters from coming back at once.
 */
export function retryWaitMs(
  failures: number,
  { firstMs, longestMs }: RetryPlan,
  spread: number,
): number {
  const fullMs = Math.min(longestMs, firstMs * 2 ** Math.min(failures - 1, 20))
  return fullMs * (0.5 + spread / 2)
}
