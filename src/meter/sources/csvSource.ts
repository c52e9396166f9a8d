import { resolve } from 'node:path'
import { SpbError } from '../../protocol/spbError.ts'
import { readText } from '../profiles/readProfiles.ts'
import { csvUnits } from './csvColumns.ts'
import { readCsvReadings } from './csvReadings.ts'
import type { ReadingSource, SourceEnvironment } from './readingSource.ts'
import { readSpeed, startReplay } from './replay.ts'
import { sourceLimits } from './sourceLimits.ts'
import {
  decodePart,
  readChoice,
  readOptions,
  refuseSpec,
  requireOption,
  type SourceSpec,
} from './sourceSpec.ts'

const optionNames = ['time', 'zone', 'column', 'export', 'unit', 'kind', 'speed'] as const

/**
 * A CSV file that is replayed: `csv:FILE?column=import&unit=kWh`. It is read as a whole at once, so
 * that what is wrong with it is known before anything is measured.
 *
 * Throws `source/option`, `file/unreadable` and what `readCsvReadings` throws.
 */
export function openCsvSource(spec: SourceSpec, environment: SourceEnvironment): ReadingSource {
  const options = readOptions(spec, optionNames)
  const file = decodePart(spec.place)
  if (file === '') throw refuseSpec('The source names no file.', 'Write csv:FILE?column=import.')
  const columns = {
    file,
    time: options.time ?? 'timestamp',
    zone: options.zone,
    import: requireOption(options.column, 'column', 'import'),
    export: options.export,
    unit: readChoice(requireOption(options.unit, 'unit', 'kWh'), 'unit', csvUnits),
    kind: readChoice(options.kind ?? 'register', 'kind', ['register', 'step']),
  }
  if (columns.kind === 'register' && ['W', 'kW'].includes(columns.unit)) {
    throw refuseSpec(
      'A register does not count power.',
      'Write kind=step for mean power in a step.',
    )
  }
  const speed = readSpeed(options.speed)
  const text = readText(resolve(environment.cwd, file), sourceLimits.csvFileBytes)
  const { readings, skipped } = readCsvReadings(text, columns)
  let replay: { close(): Promise<void> } | undefined
  return {
    name: `csv:${file}`,
    start(listener) {
      for (const { reason, count, firstLine, column } of skipped) {
        const where = column === undefined ? '' : `, column ${column}`
        const message = `${file}: ${count} × ${reason} (first in line ${firstLine}${where}).`
        const meta = { file, reason, count, firstLine }
        listener.onRefused(new SpbError('source/row', message, { meta }))
      }
      replay = startReplay(readings, { environment, listener, speed })
    },
    async close() {
      await replay?.close()
    },
  }
}
