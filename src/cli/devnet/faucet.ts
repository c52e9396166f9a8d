import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createClient, http } from 'viem'
import { privateKeyToAccount } from 'viem/accounts'
import { getBalance, sendTransaction, waitForTransactionReceipt } from 'viem/actions'
import { openKeyFile, readKeyFile } from '../../adapters/keys/keyFile.ts'
import { replaceFile } from '../../adapters/meter/replaceFile.ts'
import { type Address, bytesToHex } from '../../protocol/bytes.ts'
import { withChainErrors } from '../../protocol/ethereumFailure.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'

const faucetPath = ({ node }: DataFolder) => join(node, 'faucet.key')

/** The key that holds a devnet's test ether, which each member's folder has a copy of. */
export function shareFaucetKey(folders: readonly DataFolder[]): Uint8Array {
  const [first, ...others] = folders.map(faucetPath)
  const faucetKey = openKeyFile(first!)
  for (const path of others) {
    makeFolder(dirname(path))
    replaceFile(path, `${bytesToHex(faucetKey)}\n`)
  }
  return faucetKey
}

/** The key that holds a devnet's test ether; undefined in a folder of no devnet. */
export function readFaucetKey(folder: DataFolder): Uint8Array | undefined {
  const path = faucetPath(folder)
  return existsSync(path) ? readKeyFile(path) : undefined
}

/** Sends test ether, waits until it is there, and says how much there is. Throws `chain/*`. */
export async function sendTestEther(
  url: string,
  faucetKey: Uint8Array,
  to: Address,
  amountWei: bigint,
): Promise<bigint> {
  const client = createClient({ transport: http(url, { retryCount: 0 }) })
  const account = privateKeyToAccount(bytesToHex(faucetKey))
  return await withChainErrors(url, async () => {
    const hash = await sendTransaction(client, { account, to, value: amountWei, chain: null })
    await waitForTransactionReceipt(client, { hash, pollingInterval: 200, timeout: 60_000 })
    return await getBalance(client, { address: to })
  })
}
