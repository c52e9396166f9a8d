/** One JSON-RPC request to a local anvil. Rejects where it does not answer or refuses. */
export async function requestAnvil(
  port: number,
  method: string,
  params: readonly unknown[] = [],
  timeoutMs = 2_000,
): Promise<unknown> {
  const response = await fetch(`http://127.0.0.1:${port}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ jsonrpc: '2.0', id: 1, method, params }),
    signal: AbortSignal.timeout(timeoutMs),
  })
  const answer = (await response.json()) as { result?: unknown; error?: { message: string } }
  if (answer.error !== undefined) throw new Error(`${method}: ${answer.error.message}`)
  return answer.result
}

/** True where an anvil of this chain id answers on the port. */
export async function isAnvilOf(port: number, chainId: number): Promise<boolean> {
  try {
    const [version, found] = await Promise.all([
      requestAnvil(port, 'web3_clientVersion'),
      requestAnvil(port, 'eth_chainId'),
    ])
    return String(version).startsWith('anvil/') && Number(found) === chainId
  } catch {
    return false
  }
}
