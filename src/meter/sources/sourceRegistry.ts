import { SpbError } from '../../protocol/spbError.ts'
import { openCsvSource } from './csvSource.ts'
import { openMqttSource } from './mqttSource.ts'
import { openP1Source } from './p1Source.ts'
import type { ReadingSource, SourceEnvironment } from './readingSource.ts'
import { parseSourceSpec, type SourceSpec } from './sourceSpec.ts'
import { openSunspecSource } from './sunspecSource.ts'

type SourceOpener = (spec: SourceSpec, environment: SourceEnvironment) => ReadingSource

/** Every kind of source: what a source as typed begins with, and who opens it. */
const sourceKinds: Readonly<Record<string, SourceOpener>> = {
  csv: openCsvSource,
  p1: openP1Source,
  sunspec: openSunspecSource,
  mqtt: openMqttSource,
  mqtts: openMqttSource,
}

/** The kinds of sources, as they are typed. */
export const sourceKindNames: readonly string[] = Object.keys(sourceKinds)

/**
 * Makes a source of what a person typed, such as `p1:/dev/ttyUSB0` (docs/sources.md). It does
 * nothing before it is started; files are looked at at once.
 *
 * Throws `source/unknown-kind`, `source/option`, `file/unreadable`, `input/too-large`,
 * `input/duration`, `profile/*`.
 */
export function openSource(text: string, environment: SourceEnvironment): ReadingSource {
  const spec = parseSourceSpec(text)
  const open = Object.hasOwn(sourceKinds, spec.kind) ? sourceKinds[spec.kind] : undefined
  if (open === undefined) {
    const message = `There is no source of the kind ${spec.kind}.`
    throw new SpbError('source/unknown-kind', message, {
      hint: `Kinds are ${sourceKindNames.join(', ')}; see docs/sources.md.`,
    })
  }
  return open(spec, environment)
}
