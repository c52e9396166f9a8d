import { Presets, SingleBar } from 'cli-progress'
import type { TextStream } from '../cli.ts'

/** A bar of steps that goes away when it is done. */
export type DemoProgress = { update(step: number): void; stop(): void }

const silent: DemoProgress = { update: () => undefined, stop: () => undefined }

/** Shows how far a neighbourhood is, on a terminal only. */
export function startProgress(stream: TextStream, steps: number): DemoProgress {
  if (stream.isTTY !== true) return silent
  const format = 'Trading  {bar}  step {value} of {total}, {eta_formatted} left'
  const bar = new SingleBar({ stream, format, clearOnComplete: true }, Presets.shades_classic)
  bar.start(steps, 0)
  return { update: (step) => bar.update(step), stop: () => bar.stop() }
}
