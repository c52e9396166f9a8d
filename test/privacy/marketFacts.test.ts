import { describe, expect, it } from 'vitest'
import { marketAbi } from '../../src/abi/market.ts'

type Parameter = { name: string; components?: readonly Parameter[] }

const flatten = ({ name, components = [] }: Parameter): string[] => [
  name,
  ...components.flatMap(flatten),
]

/** Names of the inputs of the contract's functions that change something, or of its events. */
function listInputs(type: 'function' | 'event'): Map<string, string[]> {
  const entries = marketAbi.filter((entry) => entry.type === type)
  const changing = entries.filter((entry) => !('stateMutability' in entry) || !isView(entry))
  return new Map(
    changing.map((entry) => [
      (entry as { name: string }).name,
      (entry.inputs as readonly Parameter[]).flatMap(flatten),
    ]),
  )
}

const isView = ({ stateMutability }: { stateMutability: string }) =>
  stateMutability === 'view' || stateMutability === 'pure'

const functions = listInputs('function')
const events = listInputs('event')

describe('what a market’s chain is told', () => {
  it('P9: names no tree, witness or evidence in calls and events of trades', () => {
    const item = ['epoch', 'item', 'votes']
    expect(functions.get('settle')).toEqual([
      ...['epoch', 'sequence', 'beneficiary', 'databaseRoot', 'items', 'votes'],
    ])
    expect(functions.get('settleWithProof')).toEqual([
      ...item,
      ...['measuredAtSeconds', 'ercSignature64'],
    ])
    expect(functions.get('decline')).toEqual(item)
    const parties = ['ctpId', 'consumer', 'producer']
    expect(events.get('Declined')).toEqual([...parties, 'nonce'])
    expect(events.get('SettledWithProof')).toEqual([
      ...parties,
      ...['offerId', 'nonce', 'deliveredWh', 'paymentWei'],
    ])
    expect(events.get('Settled')).toEqual([
      ...['epoch', 'sequence', 'beneficiary', 'itemsHash', 'settledBitmap', 'databaseRoot'],
    ])
    // Meters are named where the committee revokes one, and nowhere else.
    const naming = [...functions, ...events].filter(([, names]) =>
      names.some((name) => /^meter$|witness|evidence|coe|path/i.test(name)),
    )
    expect(naming.map(([name]) => name)).toEqual(['revokeMeter', 'MeterRevoked'])
  })

  it('tells where money comes from and where it goes', () => {
    expect(events.get('Deposited')).toEqual(['account', 'from', 'amountWei'])
    expect(events.get('Withdrawn')).toEqual(['account', 'to', 'amountWei'])
    expect(events.get('PayoutFixed')).toEqual(['account', 'payout'])
  })
})
