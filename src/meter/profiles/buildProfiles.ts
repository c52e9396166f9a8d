import { assert, SpbError } from '../../protocol/spbError.ts'
import type { HouseholdSpec, SeriesSpec } from './householdSpec.ts'
import { findReadings, readMarketEnergy } from './marketEnergy.ts'
import {
  checkMarketSize,
  checkWindowChoice,
  chooseMarketWindow,
  type MarketWindow,
  type WindowChoice,
} from './marketWindow.ts'
import { profileLimits } from './profileLimits.ts'
import type { HouseholdProfile, ProfileSet } from './profileSet.ts'
import { createSkipLog, type SkipLog } from './skipLog.ts'
import { placeReadings, type StepSeries } from './stepSeries.ts'
import { readTimedReadings } from './timedReadings.ts'
import { findTimeGrid } from './timeGrid.ts'

type PlantSpec = SeriesSpec & { peakWatts?: number | undefined }

/**
 * Builds profiles of homes whose files are known; `readText` gives a file's text.
 *
 * Throws what reading a file, or choosing its days, throws: `profile/*`, `input/option`,
 * `input/too-large`.
 */
export function buildProfiles(
  homes: readonly HouseholdSpec[],
  readText: (file: string) => string,
  choice: WindowChoice,
): ProfileSet {
  checkWindowChoice(choice)
  const log = createSkipLog()
  const series = readAllSeries(homes, readText, log)
  const window = chooseMarketWindow([...series.values()], choice)
  checkMarketSize(homes.length, window.steps)
  const find = (spec: PlantSpec | undefined) => spec && series.get(seriesKey(spec))
  const households = homes.map((home) => measureHome(home, find(home.load), find(home.pv), window))
  const plants = homes.filter((home) => home.pv).length
  return {
    ...window,
    households,
    skippedRows: log.list(),
    description: describeProfiles(homes.length, plants, window),
  }
}

/** One sentence for people: "12 homes, 7 of them with PV, 96 steps of 15 min from … on". */
export function describeProfiles(
  homes: number,
  plants: number,
  window: MarketWindow,
  kind: 'simulated ' | '' = '',
): string {
  const { startSeconds, stepSeconds, steps } = window
  const start = `${new Date(startSeconds * 1000).toISOString().slice(0, 16)}Z`
  const length = stepSeconds % 60 === 0 ? `${stepSeconds / 60} min` : `${stepSeconds} s`
  const whose = `${homes} ${kind}${homes === 1 ? 'home' : 'homes'}, ${plants} of them with PV`
  return `${whose}, ${steps} steps of ${length} from ${start} on`
}

function measureHome(
  { name, pv }: HouseholdSpec,
  load: StepSeries | undefined,
  plant: StepSeries | undefined,
  window: MarketWindow,
): HouseholdProfile {
  const sources = [load, plant].filter((one) => one !== undefined)
  const hasReading = findReadings(sources, window)
  const none = () => new Uint32Array(window.steps)
  return {
    name,
    loadWh: load ? readMarketEnergy(load, window, hasReading) : none(),
    pvWh: plant ? readMarketEnergy(plant, window, hasReading, pv?.peakWatts) : none(),
    hasReading,
  }
}

/** Each file is read once for all columns that homes take from it. */
function readAllSeries(
  homes: readonly HouseholdSpec[],
  readText: (file: string) => string,
  log: SkipLog,
): Map<string, StepSeries> {
  const byFile = new Map<string, PlantSpec[]>()
  for (const spec of homes.flatMap(({ load, pv }) => [load, pv])) {
    if (!spec) continue
    const key = JSON.stringify([spec.file, spec.time, spec.zone])
    byFile.set(key, [...(byFile.get(key) ?? []), spec])
  }
  const series = new Map<string, StepSeries>()
  let readings = 0
  for (const specs of byFile.values()) {
    for (const [key, one] of readFileSeries(specs, readText, log)) {
      series.set(key, one)
      readings += one.values.length
    }
    if (readings > profileLimits.readings) {
      throw new SpbError('input/too-large', `The profiles have more than ${readings} readings.`)
    }
  }
  return series
}

function readFileSeries(
  specs: readonly PlantSpec[],
  readText: (file: string) => string,
  log: SkipLog,
): Map<string, StepSeries> {
  const [first] = specs
  assert(first, 'a file is listed with at least one series')
  const columns = [...new Set(specs.map((spec) => spec.column))]
  const { file, time, zone } = first
  const readings = readTimedReadings(readText(file), { file, time, zone, columns }, log)
  const grid = findTimeGrid(readings, log)
  const series = new Map<string, StepSeries>()
  for (const spec of specs) {
    const key = seriesKey(spec)
    if (!series.has(key)) series.set(key, placeReadings(readings, grid, spec, log))
  }
  return series
}

/** Plants of one pu file share a series whatever their peak; other units are bounded by it. */
function seriesKey({ file, time, zone, column, unit, peakWatts }: PlantSpec): string {
  return JSON.stringify([file, time, zone, column, unit, unit === 'pu' ? null : peakWatts])
}
