import { measureErcChecks } from './ercChecks.ts'
import { measureNodeCalls } from './nodeCalls.ts'
import type { Bench } from './report.ts'
import { measureThousandMeters } from './thousandMeters.ts'
import { measureTreeToCoe } from './treeToCoe.ts'

/** Receipts, new trees, and many meters in one process. */
export const metersBench: Bench = {
  about:
    'receipts checked in a second of one core’s processor time by somebody who gets each with ' +
    'its evidence (signatures of the receipt, of MeterReady and of the CoE, Merkle path, ' +
    'standing; trees distinct, witnesses’ certificates known), and signers found in a second, of ' +
    'which a check takes three; time from a new tree of 256 keys to its CoE, checked and on ' +
    'disk, over loopback HTTP through a node and a witness in the same process (rates of the ' +
    'witness raised); share of a core of 1,000 running meters in one process with a reading and ' +
    'a CTP each 15 minutes: ticks each second, readings (of 100 as P1 telegrams, of 100 as MQTT ' +
    'messages; devices and brokers not counted), MeterReady and receipts, saves with sync ' +
    '(measured of 100 on disk), calls to a node (measured over loopback HTTP, the node not ' +
    'counted), new trees; meters that remember a day of CTPs, and old ones that remember all 37 ' +
    'days that a meter does (ten measured)',
  goals: {
    ercChecksPerSecond: { least: 4_000 },
    treeToCoeP50Ms: { most: 250 },
    thousandMetersCpuSharePercent: { most: 5 },
    thousandOldMetersCpuSharePercent: { most: 5 },
  },
  async run(progress) {
    progress('checking receipts')
    const ercChecks = measureErcChecks()
    progress('getting trees witnessed')
    const treeToCoe = await measureTreeToCoe()
    const calls = await measureNodeCalls()
    const treeSeconds = treeToCoe.treeToCoeCpuMs! / 1000
    const thousand = await measureThousandMeters({ ...calls, treeSeconds }, progress)
    return { ...ercChecks, ...treeToCoe, ...thousand }
  },
}
