import { SpbError } from '../../protocol/spbError.ts'
import type { HouseholdSpec } from './householdSpec.ts'
import { profileLimits } from './profileLimits.ts'

const householdFile = /^hh_.+\.csv$/i
const plantFile = /^pv_.+_pu\.csv$/i
const annualEnergy = /^hh_(\d{2,6})_/i

/** Peak power of a home whose file name does not tell its yearly consumption. */
const defaultPeakWatts = 4_000

/** Three homes of five have a plant: the 2nd, 4th and 5th of each five. */
const hasPlant = [false, true, false, true, true] as const

/**
 * Makes homes from a folder's file names: each `hh_*.csv` is a home, in order of name, and the
 * `pv_*_pu.csv` go round among the homes that have a plant.
 *
 * `hh_<annual kWh>_<n>` sizes the plant: 1.5 W of peak for each kWh a year, to the next 100 W,
 * 1 to 10 kW. Throws `profile/no-files` without homes and `input/too-large` for too many.
 */
export function planFolder(fileNames: readonly string[]): HouseholdSpec[] {
  const order = new Intl.Collator('en', { numeric: true })
  const sorted = [...fileNames].sort((a, b) => order.compare(a, b) || (a < b ? -1 : 1))
  const homes = sorted.filter((name) => householdFile.test(name))
  const plants = sorted.filter((name) => plantFile.test(name))
  if (homes.length === 0) throw new SpbError('profile/no-files')
  if (homes.length > profileLimits.households) {
    throw new SpbError('input/too-large', `${homes.length} homes are too many.`)
  }
  const times = { time: 'timestamp', column: 'electricity' } as const
  let nextPlant = 0
  return homes.map((file, index) => {
    const home: HouseholdSpec = {
      name: file.replace(/\.csv$/i, ''),
      load: { file, ...times, unit: 'W' },
    }
    if (plants.length === 0 || !hasPlant[index % hasPlant.length]) return home
    const plant = plants[nextPlant++ % plants.length] ?? ''
    return { ...home, pv: { file: plant, ...times, unit: 'pu', peakWatts: sizePlant(file) } }
  })
}

function sizePlant(file: string): number {
  const annualKwh = annualEnergy.exec(file)?.[1]
  if (annualKwh === undefined) return defaultPeakWatts
  return Math.min(10_000, Math.max(1_000, Math.round((Number(annualKwh) * 1.5) / 100) * 100))
}
