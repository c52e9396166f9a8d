import { contractRefusal } from './contractErrors.ts'
import { SpbError } from './spbError.ts'

/** What failures of viem, fetch and sockets have in common; everything may be absent. */
type Failure = {
  name?: unknown
  code?: unknown
  status?: unknown
  details?: unknown
  shortMessage?: unknown
  reason?: unknown
  data?: unknown
  cause?: unknown
}

/** A decoded custom error, as viem hands it on. */
type DecodedError = {
  errorName: string
  args?: readonly unknown[]
  abiItem?: { inputs?: readonly { name?: string }[] }
}

const mostCauses = 16
const longestReason = 200

function causesOf(error: unknown): Failure[] {
  const causes: Failure[] = []
  let next: unknown = error
  while (typeof next === 'object' && next !== null && causes.length < mostCauses) {
    causes.push(next as Failure)
    next = (next as Failure).cause
  }
  return causes
}

/** Scheme, host and port of an endpoint: user, password, path and query may be secrets. */
export function describeEndpoint(url: string): string {
  try {
    const { protocol, host } = new URL(url)
    return host === '' ? `${protocol}//…` : `${protocol}//${host}`
  } catch {
    return 'a local socket'
  }
}

function isDecodedError(data: unknown): data is DecodedError {
  return typeof data === 'object' && data !== null && 'errorName' in data
}

function explainRevert({ errorName, args = [], abiItem }: DecodedError): SpbError {
  const names = args.map((_, at) => abiItem?.inputs?.[at]?.name || `arg${at}`)
  return contractRefusal(errorName, Object.fromEntries(args.map((arg, at) => [names[at], arg])))
}

const named = (causes: readonly Failure[], ...names: string[]) =>
  causes.find(({ name }) => typeof name === 'string' && names.includes(name))

const textOf = (causes: readonly Failure[]) =>
  causes.map(({ details }) => (typeof details === 'string' ? details : '')).join('\n')

/** Why there was no answer, in few words and without the URL. */
function describeReason(causes: readonly Failure[]): string {
  if (named(causes, 'TimeoutError', 'WaitForTransactionReceiptTimeoutError')) return 'timeout'
  const status = causes.find((cause) => typeof cause.status === 'number')?.status
  if (status !== undefined) return `HTTP ${status}`
  const system = causes.find(({ code }) => typeof code === 'string' && /^E[A-Z]+$/.test(code))
  if (system !== undefined) return String(system.code)
  const rpc = causes.find(({ code }) => typeof code === 'number' && code !== -1)
  const details = causes.find((cause) => typeof cause.details === 'string')?.details
  // What a server wrote may repeat the URL that it was asked at.
  const said = String(details ?? 'no answer').replaceAll(/\w+:\/\/\S+/g, '…')
  return (rpc === undefined ? said : `${said} (${rpc.code})`).slice(0, longestReason)
}

/** Solidity's own errors: what they mean is in viem's `reason`. */
const builtInErrors = ['Error', 'Panic']
const revertPattern = /revert|out of gas|gas required exceeds|invalid opcode/i

function findRevert(causes: readonly Failure[]): SpbError | undefined {
  const reverted = named(causes, 'ContractFunctionRevertedError')
  const decoded = isDecodedError(reverted?.data) ? reverted.data : undefined
  if (decoded && !builtInErrors.includes(decoded.errorName)) return explainRevert(decoded)
  const reason = String(reverted?.reason ?? '')
  const isRevert = decoded !== undefined || named(causes, 'ExecutionRevertedError') !== undefined
  if (!isRevert && !revertPattern.test(`${reason}\n${textOf(causes)}`)) return undefined
  const said = reason === '' ? '' : ` (${reason.slice(0, longestReason)})`
  return new SpbError('chain/reverted', `The contract refused the transaction.${said}`)
}

const noStatePattern =
  /BlockOutOfRange|missing trie node|header not found|state .*(not |un)available/i

function findKnownFailure(causes: readonly Failure[]): SpbError | undefined {
  const text = textOf(causes)
  if (named(causes, 'UserRejectedRequestError')) return new SpbError('chain/refused-by-wallet')
  if (named(causes, 'InsufficientFundsError') || /insufficient funds/i.test(text)) {
    return new SpbError('chain/insufficient-funds')
  }
  if (/nonce too low/i.test(text)) return new SpbError('chain/superseded')
  if (noStatePattern.test(text)) {
    return new SpbError('chain/unreachable', 'The Ethereum client lacks the state of this block.', {
      hint: 'Use a client that keeps the state of more blocks, and is not behind.',
      meta: { reason: 'no-state' },
    })
  }
  const undecodable = named(
    causes,
    'ContractFunctionZeroDataError',
    'AbiDecodingZeroDataError',
    'AbiDecodingDataSizeTooSmallError',
    'PositionOutOfBoundsError',
  )
  if (undecodable !== undefined) return new SpbError('chain/no-contract')
  return findRevert(causes)
}

const transportNames = [
  'HttpRequestError',
  'WebSocketRequestError',
  'SocketClosedError',
  'TimeoutError',
  'RpcRequestError',
  'UnknownRpcError',
  'ResponseBodyTooLargeError',
  'BlockNotFoundError',
  'TransactionNotFoundError',
  'TransactionReceiptNotFoundError',
]

/**
 * What went wrong at an Ethereum client, as an `SpbError`; knows the shapes of viem's errors.
 *
 * Anything else (our own bugs, `SpbError`s) comes back unchanged. The endpoint's URL never gets
 * into the error, nor does the failure itself, whose text repeats the URL.
 */
export function explainEthereumFailure(error: unknown, endpoint: string): unknown {
  if (error instanceof SpbError) return error
  const causes = causesOf(error)
  const known = findKnownFailure(causes)
  if (known !== undefined) return known
  const isTransport = named(causes, ...transportNames) !== undefined
  const isSystem = causes.some(({ code }) => typeof code === 'string' && /^E[A-Z]+$/.test(code))
  if (!isTransport && !isSystem) return error
  const reason = describeReason(causes)
  return new SpbError(
    'chain/unreachable',
    `The Ethereum client at ${describeEndpoint(endpoint)} does not answer: ${reason}.`,
    { meta: { endpoint: describeEndpoint(endpoint), reason } },
  )
}

/** Awaits a call of an Ethereum client and throws its failures as `SpbError`s. */
export async function withChainErrors<Result>(
  endpoint: string,
  call: () => Promise<Result>,
): Promise<Result> {
  try {
    return await call()
  } catch (error) {
    throw explainEthereumFailure(error, endpoint)
  }
}
