import { writeFileSync } from 'node:fs'
import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createKeystoreFile, encodeKeystore } from '../adapters/keys/keystoreFile.ts'
import { addressOf } from '../protocol/signature.ts'
import { SpbError } from '../protocol/spbError.ts'
import {
  accountPath,
  addressOfAccount,
  chooseAccountName,
  lockAccount,
  nameAddresses,
  openAccount,
  resolveAddress,
} from './accountFolder.ts'
import { dataFolderOf } from './dataFolder.ts'
import { readPassword } from './password.ts'
import { lockPath } from './processLock.ts'
import { createTestCli, runCli } from './testCli.cases.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const cli = createTestCli()
const folder = dataFolderOf(cli, {})
const keys = { alice: new Uint8Array(32).fill(1), bob: new Uint8Array(32).fill(2) }
const [alice, bob] = [addressOf(keys.alice), addressOf(keys.bob)]

function make(name: keyof typeof keys): void {
  const text = encodeKeystore(keys[name], 'secret', { n: 1024 })
  createKeystoreFile(accountPath(folder, name), text)
}

describe('which account is meant', () => {
  it('must be there', () => {
    expect(() => chooseAccountName(cli, folder)).toThrow(refusal('account/unknown'))
  })

  it('is the only one, the one that SPB_ACCOUNT names, or the one that was named', () => {
    make('alice')
    expect(chooseAccountName(cli, folder)).toBe('alice')
    make('bob')
    expect(() => chooseAccountName(cli, folder)).toThrow(refusal('input/option'))
    expect(chooseAccountName(cli, folder, { other: bob })).toBe('alice')
    const withAccount = { ...cli, env: { SPB_ACCOUNT: 'bob' } }
    expect(chooseAccountName(withAccount, folder)).toBe('bob')
    expect(chooseAccountName(withAccount, folder, { named: 'alice' })).toBe('alice')
    const wrong = () => chooseAccountName(cli, folder, { named: 'carl' })
    expect(wrong).toThrow(refusal('account/unknown'))
  })
})

describe('an address', () => {
  it('may be given as an account’s name', () => {
    expect(resolveAddress(folder, 'alice')).toBe(alice)
    expect(resolveAddress(folder, alice.toUpperCase())).toBe(alice)
    expect(nameAddresses(folder).get(bob)).toBe('bob')
    expect(() => resolveAddress(folder, 'carl')).toThrow(refusal('account/unknown'))
    expect(() => resolveAddress(folder, '0x12')).toThrow(refusal('input/address'))
  })
})

describe('an account', () => {
  it('opens with its password', async () => {
    const opened = await openAccount(cli, folder, 'alice', {})
    expect(opened).toEqual({ name: 'alice', address: alice, privateKey: keys.alice })
    const wrong = openAccount({ ...cli, env: { SPB_PASSWORD: 'no' } }, folder, 'alice', {})
    await expect(wrong).rejects.toThrow(refusal('account/wrong-password'))
    const unknown = openAccount(cli, folder, 'carl', {})
    await expect(unknown).rejects.toThrow(refusal('account/unknown'))
  })

  it('that is damaged does not hide the others', () => {
    writeFileSync(accountPath(folder, 'broken'), '{}')
    expect(() => addressOfAccount(folder, 'broken')).toThrow(refusal('account/damaged'))
    expect([...nameAddresses(folder).values()]).toEqual(['alice', 'bob'])
  })

  it('is locked for one command at a time', () => {
    const lock = lockAccount(folder, 'alice')
    const locked = new SpbError('account/locked')
    const again = () => lockPath(`${folder.accounts}/alice.lock`, 0, locked)
    expect(again).toThrow(refusal('account/locked'))
    lock.release()
    again().release()
  })

  it('comes from another wallet', async () => {
    const file = `${cli.cwd}/bob.key`
    writeFileSync(file, '02'.repeat(32))
    const { code, out } = await runCli(cli, `account import bob2 --file ${file} --json`)
    expect({ code, ...JSON.parse(out) }).toMatchObject({ code: 0, address: bob })
    const exported = accountPath(folder, 'bob2')
    const again = await runCli(cli, `account import bob3 --file ${exported} --json`)
    expect(JSON.parse(again.out)).toMatchObject({ name: 'bob3', address: bob })
  })
})

describe('a password', () => {
  it('comes from a file’s first line, or SPB_PASSWORD', async () => {
    const passwordFile = `${cli.cwd}/password`
    writeFileSync(passwordFile, 'from the file\r\nnot this\n')
    expect(await readPassword(cli, { passwordFile }, 'alice')).toBe('from the file')
    expect(await readPassword(cli, {}, 'alice')).toBe('secret')
  })

  it('is not asked for where nobody sits', async () => {
    const alone = { ...cli, env: {} }
    await expect(readPassword(alone, {}, 'alice')).rejects.toThrow(refusal('input/password'))
    const empty = { ...cli, env: { SPB_PASSWORD: '' } }
    await expect(readPassword(empty, {}, 'alice')).rejects.toThrow(refusal('input/password'))
  })

  it('is asked for at a terminal, twice where it is new, and not shown', async () => {
    const typing = (...lines: string[]) => {
      const stdin = Object.assign(new PassThrough(), { isTTY: true as const })
      const shown = new PassThrough()
      shown.on('data', (text: Buffer) => {
        // Each question ends with a colon and a space; the line after it shows nothing.
        if (text.toString().endsWith(': ')) stdin.write(`${lines.shift()}\n`)
      })
      return { ...createTestCli(), env: {}, stdin, stderr: shown }
    }
    const once = typing('hidden')
    expect(await readPassword(once, {}, 'alice')).toBe('hidden')
    const twice = typing('new one', 'new one')
    expect(await readPassword(twice, {}, 'alice', { isNew: true })).toBe('new one')
    const different = readPassword(typing('new one', 'other'), {}, 'alice', { isNew: true })
    await expect(different).rejects.toThrow(refusal('input/password'))
  })
})
