import { expect, test } from 'vitest'
import { describeEndpoint, explainEthereumFailure, withChainErrors } from './ethereumFailure.ts'
import { SpbError } from './spbError.ts'

const endpoint = 'https://user:secret@rpc.example:8545/v3/secret?key=secret'

/** An error as viem nests them, outermost first. */
function nest(...layers: Record<string, unknown>[]): Error {
  const [layer, ...rest] = layers
  const options = rest.length > 0 ? { cause: nest(...rest) } : {}
  return Object.assign(new Error('', options), layer)
}

const explain = (...layers: Record<string, unknown>[]) =>
  explainEthereumFailure(nest(...layers), endpoint)

test('shows of a URL what is no secret', () => {
  expect(describeEndpoint(endpoint)).toBe('https://rpc.example:8545')
  expect(describeEndpoint('/run/secret/geth.ipc')).toBe('a local socket')
})

test.each([
  ['timeout', [{ name: 'TimeoutError' }]],
  ['HTTP 502', [{ name: 'HttpRequestError', status: 502, details: 'Bad Gateway' }]],
  ['ECONNREFUSED', [{ name: 'HttpRequestError' }, { code: 'ECONNREFUSED' }]],
  ['busy (-32603)', [{ name: 'RpcRequestError', code: -32_603, details: 'busy' }]],
  ['see … (-32000)', [{ name: 'RpcRequestError', code: -32_000, details: `see ${endpoint}` }]],
  ['no answer', [{ name: 'SocketClosedError' }]],
])('says why a client does not answer: %s', (reason, layers) => {
  const error = explain(...layers)
  expect(error).toMatchObject({
    code: 'chain/unreachable',
    meta: { reason, endpoint: 'https://rpc.example:8545' },
  })
  expect(JSON.stringify(error)).not.toContain('secret')
})

test.each([
  ['chain/refused-by-wallet', { name: 'UserRejectedRequestError', code: 4_001 }],
  ['chain/insufficient-funds', { name: 'InsufficientFundsError' }],
  ['chain/insufficient-funds', { name: 'RpcRequestError', details: 'insufficient funds for gas' }],
  ['chain/superseded', { name: 'RpcRequestError', details: 'nonce too low: next nonce 5' }],
  ['chain/no-contract', { name: 'ContractFunctionZeroDataError' }],
  ['chain/reverted', { name: 'RpcRequestError', code: 3, details: 'execution reverted' }],
  ['chain/unreachable', { name: 'RpcRequestError', details: 'missing trie node 12' }],
])('knows %s', (code, layer) => {
  expect(explain({ name: 'TransactionExecutionError' }, layer)).toMatchObject({ code })
})

test('names the contract’s error and its arguments', () => {
  const inputs = [{ name: 'epoch' }, { name: '' }]
  const data = { errorName: 'EpochNotCurrent', args: [1, 2n], abiItem: { inputs } }
  expect(explain({ name: 'ContractFunctionRevertedError', data })).toMatchObject({
    code: 'chain/reverted',
    message: 'The epoch is not the current one. (EpochNotCurrent: epoch 1, arg1 2)',
    meta: { contractError: 'EpochNotCurrent', epoch: '1', arg1: '2' },
  })
  const unknown = { errorName: 'NewerError' }
  expect(explain({ name: 'ContractFunctionRevertedError', data: unknown })).toMatchObject({
    code: 'chain/reverted',
    message: 'The contract refused the transaction. (NewerError)',
  })
  const text = { errorName: 'Error', args: ['plain words'] }
  expect(
    explain({ name: 'ContractFunctionRevertedError', data: text, reason: 'plain words' }),
  ).toMatchObject({ code: 'chain/reverted', message: expect.stringContaining('plain words') })
})

test('leaves our own bugs and our own errors as they are', async () => {
  const bug = new TypeError('x is undefined')
  expect(explainEthereumFailure(bug, endpoint)).toBe(bug)
  const own = new SpbError('offer/closed')
  expect(explainEthereumFailure(own, endpoint)).toBe(own)
  const rejected = withChainErrors(endpoint, () => Promise.reject(nest({ code: 'EPIPE' })))
  await expect(rejected).rejects.toMatchObject({ code: 'chain/unreachable' })
  expect(await withChainErrors(endpoint, async () => 5)).toBe(5)
})

test('survives causes that run in a circle', () => {
  const first = nest({ name: 'HttpRequestError', details: 'round' })
  first.cause = first
  expect(explainEthereumFailure(first, endpoint)).toMatchObject({ code: 'chain/unreachable' })
})
