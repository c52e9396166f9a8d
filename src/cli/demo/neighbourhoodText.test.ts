import { describe, expect, it } from 'vitest'
import type { Address } from '../../protocol/bytes.ts'
import { createPalette } from '../palette.ts'
import type { HomeReport, NeighbourhoodReport } from './neighbourhoodReport.ts'
import { formatNeighbourhood } from './neighbourhoodText.ts'

const plain = createPalette(process.stdout, { NO_COLOR: '1' })
const address: Address = `0x${'ab'.repeat(20)}`

function home(name: string, change: Partial<HomeReport> = {}): HomeReport {
  return {
    ...{ name, address, isProducer: false, isUnreliable: false, priceWeiPerKwh: 0n },
    ...{ neededWh: 5_000, surplusWh: 0, boughtWh: 1_250, soldWh: 0 },
    ...{ depositWei: 10n ** 15n, spentWei: 125n * 10n ** 12n, earnedWei: 0n },
    ...{ balanceWei: 875n * 10n ** 12n, ...change },
  }
}

const checks = {
  ...{ etherConserved: true, energyConserved: true, paymentsAgree: true },
  ...{ balancesAgree: true, nodeAgrees: true },
}

const producer = home('A producer with a very long name', {
  ...{ isProducer: true, isUnreliable: true, priceWeiPerKwh: 10n ** 14n, surplusWh: 9_000 },
  ...{ boughtWh: 0, soldWh: 1_250, spentWei: 0n, earnedWei: 125n * 10n ** 12n },
})

const report: NeighbourhoodReport = {
  chain: {
    ...{ kind: 'anvil', chainId: 31_337, market: address, blocks: 120 },
    ...{ startSeconds: 1_777_852_800, endSeconds: 1_777_939_200 },
  },
  ...{ profiles: 'homes.json', description: '2 homes', seed: 1, intervals: 96, days: 1 },
  ...{ unreliable: 0.1, households: [home('Ash'), producer], ctps: 12, settled: 10, expired: 2 },
  ...{ refused: 1, receiptedWh: 1_250, paidWei: 125n * 10n ** 12n, freedWei: 10n ** 13n },
  pairs: [
    { consumer: 'Ash', producer: producer.name, energyWh: 1_250, paidWei: 125n * 10n ** 12n },
  ],
  unreliableProducers: [{ name: producer.name, nothing: 2, part: 1, freedWei: 10n ** 13n }],
  ...{ setupTransactions: 5, onChainTransactions: 22, offerTransactions: 20, offerGas: 1_240_000n },
  ...{ settlementTransactions: 2, settlementGas: 90_000n, settlementCalldataBytes: 1_600 },
  ...{ gasPerTrade: 9_000, etherConserved: true, checks, seconds: 1.25, tradesPerSecond: 8 },
  skippedRows: [{ file: 'x.csv', reason: 'negative', count: 3, firstLine: 118, column: 'W' }],
}

describe('the report of a neighbourhood', () => {
  const text = formatNeighbourhood(report, plain)
  const lines = text.split('\n')

  it('has lines of at most 100 columns', () => {
    expect(lines.filter((line) => line.length > 100)).toEqual([])
  })

  it('shows each home, with what only producers have left empty for others', () => {
    expect(lines.find((line) => line.startsWith('Ash'))?.split(/ {2,}/)).toEqual([
      ...['Ash', '5.000', '1.250', '0.00012500', '0.00000000', '0.00087500'],
    ])
    expect(lines.find((line) => line.startsWith('A producer with'))?.split(/ {2,}/)).toEqual([
      ...['A producer with… *', '0.0001000', '5.000', '0.000', '9.000', '1.250'],
      ...['0.00000000', '0.00012500', '0.00087500'],
    ])
  })

  it('tells trades, gas, what failed, and what was not traded', () => {
    const flat = text.replaceAll('\n', ' ')
    expect(flat).toContain('12 commitments to pay, 10 settled, 2 expired, and 1 refused.')
    expect(flat).toContain('1.25 kWh came and were paid with 0.000125 ether (0.0001 ether/kWh)')
    expect(flat).toContain('sent nothing 2 times and a part 1 time: 0.00001 ether came free')
    expect(flat).toContain('10 trades in 2 settlements: 9,000 gas and 160 bytes a trade')
    expect(flat).toContain('20 offers at 62,000 gas each.')
    expect(flat).toMatch(/x\.csv +negative +W +3 +118/)
    expect(flat).not.toContain('NOT TRUE')
  })

  it('says loudly which check failed', () => {
    const failed = { ...report, checks: { ...checks, energyConserved: false } }
    expect(formatNeighbourhood(failed, plain)).toContain(
      '✗ NOT TRUE: each Wh receipted was bought by one home and sold by one',
    )
  })

  it('shows a neighbourhood without a trade', () => {
    const idle = formatNeighbourhood(
      {
        ...report,
        ...{ households: [home('Ash', { boughtWh: 0, neededWh: 0 })], pairs: [], skippedRows: [] },
        ...{ unreliableProducers: [], ctps: 0, settled: 0, expired: 0, refused: 0, paidWei: 0n },
        ...{ receiptedWh: 0, offerTransactions: 0, settlementTransactions: 0, gasPerTrade: 0 },
      },
      plain,
    )
    expect(idle).toContain('0 commitments to pay, 0 settled, 0 expired. 0 Wh came')
    expect(idle).not.toContain('Who bought')
    expect(idle).not.toContain('NaN')
  })
})
