import type { Market } from '../../protocol/digest.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { DataFolder } from '../dataFolder.ts'
import { marketOfFolder } from '../nodeAccess.ts'

/** The market for which a folder's meters get their keys. Throws `input/option`. */
export function requireFolderMarket(folder: DataFolder): Market {
  const market = marketOfFolder(folder)
  if (market !== undefined) return market
  throw new SpbError('input/option', 'This data folder belongs to no market yet.', {
    hint: 'Run spb up once: a meter’s keys are witnessed for one market.',
  })
}
