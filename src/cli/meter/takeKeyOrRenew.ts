import type { SoftwareMeter } from '../../meter/softwareMeter.ts'
import { SpbError } from '../../protocol/spbError.ts'
import type { MeterCalls } from './meterCalls.ts'

type Asked = MeterCalls['takeKey'][0]
type Taken = MeterCalls['takeKey'][1]

/** What a next tree, which no account used yet, puts right. */
const curable: readonly string[] = ['meter/exhausted', 'meter/other-account']

/**
 * Takes a key of a running meter for an account. Where no tree has one for it, a next tree is got
 * witnessed, once, and asked again.
 *
 * Throws what `SoftwareMeter.takeKey` throws; where no next tree was to be had, the message says
 * why.
 */
export async function takeKeyOrRenew(
  meter: Pick<SoftwareMeter, 'takeKey' | 'keysLeft'>,
  renew: () => Promise<unknown>,
  { expirySeconds, consumer }: Asked,
): Promise<Taken> {
  const take = (): Taken => {
    const { meterKey } = meter.takeKey(expirySeconds, consumer)
    return { meterKey, keysLeft: meter.keysLeft(expirySeconds, consumer) }
  }
  try {
    return take()
  } catch (refusal) {
    if (!(refusal instanceof SpbError) || !curable.includes(refusal.code)) throw refusal
    try {
      await renew()
    } catch (cause) {
      if (!(cause instanceof SpbError)) throw cause
      const { code, message } = refusal
      throw new SpbError(code, `${message} A next one was not to be had: ${cause.message}`, {
        ...{ hint: cause.hint, cause },
      })
    }
    return take()
  }
}
