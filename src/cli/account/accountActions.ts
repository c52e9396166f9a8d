import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { getBalance } from 'viem/actions'
import { setBalance } from '../../adapters/chain/anvilControl.ts'
import { isAnvilOf } from '../../adapters/chain/anvilRpc.ts'
import { connectRpc } from '../../adapters/chain/rpcConnection.ts'
import { generatePrivateKey, readKeyFile } from '../../adapters/keys/keyFile.ts'
import {
  createKeystoreFile,
  decodeKeystore,
  encodeKeystore,
} from '../../adapters/keys/keystoreFile.ts'
import type { Address } from '../../protocol/bytes.ts'
import { parseAmount } from '../../protocol/parseText.ts'
import { addressOf } from '../../protocol/signature.ts'
import { SpbError } from '../../protocol/spbError.ts'
import {
  accountPath,
  addressOfAccount,
  chooseAccountName,
  nameAddresses,
  resolveAddress,
} from '../accountFolder.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { type DataFolder, dataFolderOf, listNames } from '../dataFolder.ts'
import { readFaucetKey, sendTestEther } from '../devnet/faucet.ts'
import { readEndpoint } from '../endpoint.ts'
import { formatTable } from '../formatTable.ts'
import { formatAmount } from '../formatUnits.ts'
import { readMarketRecord } from '../marketRecord.ts'
import { chainUrlOf, openNode } from '../nodeAccess.ts'
import { type PasswordOptions, readPassword } from '../password.ts'
import { describeAccount } from './describeAccount.ts'

function requireNew(folder: DataFolder, name: string): string {
  const path = accountPath(folder, name)
  if (existsSync(path))
    throw new SpbError('account/exists', `There is an account “${name}” already.`)
  return path
}

function describeNew(name: string, address: Address, path: string): CommandResult {
  return {
    json: { name, address, keystore: path },
    text: (palette) =>
      [
        `Account ${palette.bold(name)}: ${address}`,
        `Its key is in ${path}. Keep a copy of the file and the password: nobody can restore them.`,
      ].join('\n'),
  }
}

/** `spb account new`. Throws `account/exists`, `input/name`, `input/password`, `store/failed`. */
export async function createAccount(
  { cli, options }: Call<PasswordOptions>,
  name: string,
): Promise<CommandResult> {
  const path = requireNew(dataFolderOf(cli, options), name)
  const password = await readPassword(cli, options, name, { isNew: true })
  const privateKey = generatePrivateKey()
  createKeystoreFile(path, encodeKeystore(privateKey, password))
  return describeNew(name, addressOf(privateKey), path)
}

type ImportOptions = PasswordOptions & { file: string; filePasswordFile?: string }

async function readForeignKey({ cli, options }: Call<ImportOptions>): Promise<Uint8Array> {
  const path = resolve(cli.cwd, options.file)
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    throw new SpbError('file/unreadable', `The file ${path} cannot be read.`, { cause })
  }
  if (!text.trimStart().startsWith('{')) return readKeyFile(path)
  const passwordFile = options.filePasswordFile ?? options.passwordFile
  const given = passwordFile === undefined ? {} : { passwordFile }
  return decodeKeystore(text, await readPassword(cli, given, 'the keystore'))
}

/** `spb account import`. Throws what `createAccount` does, and `account/damaged`. */
export async function importAccount(
  call: Call<ImportOptions>,
  name: string,
): Promise<CommandResult> {
  const { cli, options } = call
  const path = requireNew(dataFolderOf(cli, options), name)
  const privateKey = await readForeignKey(call)
  const password = await readPassword(cli, options, name, { isNew: true })
  createKeystoreFile(path, encodeKeystore(privateKey, password))
  return describeNew(name, addressOf(privateKey), path)
}

/** Ether of an address on the chain, outside the market. Throws `chain/unreachable`. */
async function readEther(url: string, address: Address): Promise<bigint> {
  const rpc = connectRpc({ url })
  try {
    return await rpc.call(() => getBalance(rpc.client, { address }))
  } finally {
    rpc.close()
  }
}

/** `spb account show`. Throws `account/unknown`, `input/address`, `node/unreachable`. */
export async function showAccount(call: Call<object>, text?: string): Promise<CommandResult> {
  const { cli } = call
  const { folder, node } = openNode(call)
  const address =
    text === undefined
      ? addressOfAccount(folder, chooseAccountName(cli, folder))
      : resolveAddress(folder, text)
  const view = await node.account(address)
  const etherWei = await readEther(chainUrlOf(call, folder), address)
  return describeAccount(view, etherWei, nameAddresses(folder).get(address), cli.nowMs())
}

/** Balances in the market by address; none where no node runs. */
async function readBalances(
  call: Call<object>,
  folder: DataFolder,
  addresses: readonly Address[],
): Promise<ReadonlyMap<Address, bigint>> {
  if (call.options.node === undefined && readEndpoint(folder) === undefined) return new Map()
  const { node } = openNode(call)
  const views = await Promise.all(addresses.map((address) => node.account(address)))
  return new Map(views.map(({ account, balanceWei }) => [account, balanceWei]))
}

/** `spb account list`: names and addresses, and balances where a node runs. */
export async function listAccounts(call: Call<object>): Promise<CommandResult> {
  const folder = dataFolderOf(call.cli, call.options)
  const accounts = listNames(folder.accounts).map((name) => ({
    name,
    address: addressOfAccount(folder, name),
  }))
  const addresses = accounts.map(({ address }) => address)
  const balances = await readBalances(call, folder, addresses)
  const rows = accounts.map(({ name, address }) => {
    const balanceWei = balances.get(address)
    return [name, address, balanceWei === undefined ? '' : formatAmount(balanceWei)]
  })
  return {
    json: accounts.map((account) => ({
      ...account,
      balanceWei: balances.get(account.address) ?? null,
    })),
    text: (palette) =>
      rows.length === 0
        ? 'No accounts yet. Make one: spb account new NAME'
        : formatTable(
            [{ head: 'name' }, { head: 'address' }, { head: 'balance', align: 'right' }],
            rows,
            palette,
          ),
  }
}

/** The port of the folder's own embedded chain. Throws `input/option` for any other chain. */
async function requireEmbedded({ options }: Call<object>, folder: DataFolder): Promise<number> {
  const endpoint = readEndpoint(folder)
  const isOwn = endpoint !== undefined && readMarketRecord(folder)?.chainUrl === undefined
  const port = isOwn && options.chain === undefined ? Number(new URL(endpoint.rpcUrl).port) : 0
  if (isOwn && port !== 0 && (await isAnvilOf(port, endpoint.chainId))) return port
  throw new SpbError('input/option', 'Test ether is there on the embedded chain only.', {
    hint: 'Start that with spb up; on a real chain, send the account ether from a wallet.',
  })
}

async function giveEmbedded(port: number, address: Address, amountWei: bigint): Promise<bigint> {
  const etherWei = (await readEther(`http://127.0.0.1:${port}`, address)) + amountWei
  await setBalance({ port }, address, etherWei)
  return etherWei
}

/** `spb account fund`. Throws `input/option`, `input/amount`, `account/unknown`. */
export async function fundAccount(
  call: Call<object>,
  name: string,
  amount: string,
): Promise<CommandResult> {
  const folder = dataFolderOf(call.cli, call.options)
  const address = resolveAddress(folder, name)
  const amountWei = parseAmount(amount)
  const faucetKey = readFaucetKey(folder)
  const etherWei =
    faucetKey === undefined
      ? await giveEmbedded(await requireEmbedded(call, folder), address, amountWei)
      : await sendTestEther(chainUrlOf(call, folder), faucetKey, address, amountWei)
  return {
    json: { address, amountWei, etherWei },
    text: () => `${address} has ${formatAmount(etherWei)} of test ether on the chain now.`,
  }
}
