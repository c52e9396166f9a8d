import type { MeterReading } from '../../ports/meterReading.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { seconds } from '../../protocol/units.ts'
import { type P1Telegram, parseP1Telegram } from './p1Telegram.ts'

/** Turns the telegrams of one meter into readings. */
export type P1Reader = {
  /** Throws what `parseP1Telegram` does, and `source/telegram` for other registers than before. */
  read(telegram: Uint8Array): MeterReading
}

/**
 * Makes a reader. Telegrams without a time have that of their arrival.
 *
 * Which registers add up to the import is fixed by a meter's first telegram: a sum over fewer of
 * them would look like a register that went back, and then like energy.
 */
export function createP1Reader(nowMs: () => number): P1Reader {
  let first: P1Telegram | undefined
  return {
    read(bytes) {
      const telegram = parseP1Telegram(bytes)
      if (first === undefined || first.serial !== telegram.serial) first = telegram
      if (first.importRegisters !== telegram.importRegisters) {
        const message = `A telegram has ${telegram.importRegisters}, not ${first.importRegisters}.`
        const hint = 'Where this stays so, the meter was set up anew: start its source again.'
        throw new SpbError('source/telegram', message, { hint })
      }
      const { importWh, exportWh, serial } = telegram
      return {
        timeSeconds: telegram.timeSeconds ?? seconds(Math.floor(nowMs() / 1000)),
        importWh,
        ...(exportWh === undefined ? {} : { exportWh }),
        ...(serial === undefined ? {} : { serial }),
      }
    },
  }
}
