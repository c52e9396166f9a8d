import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'

/** A reading from what came; undefined where it is refused. Bugs are not caught. */
export function attemptReading(
  read: () => MeterReading,
  refuse: (error: SpbError) => void,
): MeterReading | undefined {
  try {
    return read()
  } catch (error) {
    if (!(error instanceof SpbError)) throw error
    refuse(error)
    return undefined
  }
}
