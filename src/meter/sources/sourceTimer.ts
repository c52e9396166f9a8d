import type { SourceEnvironment } from './readingSource.ts'

/** Runs a task after a delay, unless the returned function is called before. */
export function startSourceTimer(
  environment: SourceEnvironment,
  delayMs: number,
  task: () => void,
): () => void {
  if (environment.setTimer !== undefined) return environment.setTimer(delayMs, task)
  const timer = setTimeout(task, delayMs)
  return () => clearTimeout(timer)
}
