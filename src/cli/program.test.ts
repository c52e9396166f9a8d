import type { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { actionOf } from './commandAction.ts'
import { exitCodeOf, toFailure } from './failure.ts'
import { createProgram } from './program.ts'
import { createTestCli, runCli } from './testCli.cases.ts'

const cli = createTestCli()

describe('spb', () => {
  it.each(['', '--help', 'help', 'up --help', 'help account', 'account new --help'])(
    'helps: spb %s',
    async (line) => {
      const { code, out } = await runCli(cli, line)
      expect(code).toBe(0)
      expect(out).toContain('Usage: spb')
    },
  )

  it('tells its version and its exit codes', async () => {
    expect((await runCli(cli, '--version')).out).toMatch(/^\d+\.\d+\.\d+\n$/)
    expect((await runCli(cli, '--help')).out).toContain('3 refused by a rule')
  })

  it('guesses what an unknown command was meant to be, in three lines', async () => {
    const { code, out, err } = await runCli(cli, 'trads')
    expect({ code, out }).toEqual({ code: 2, out: '' })
    expect(err).toBe(
      "error: Unknown command 'trads'.\nhint:  Did you mean one of trade, trades?\n" +
        'code:  input/option\n',
    )
  })

  it.each([
    ['account', 'input/option'],
    ['offers --limit many', 'input/option'],
    ['offers --limit 1001', 'input/option'],
    ['trades --state lost', 'input/option'],
    ['up --port 70000', 'input/option'],
    ['up --block-time 0', 'input/duration'],
    ['up --market 0x12 --chain http://127.0.0.1:1', 'input/address'],
    ['up --port 0 --market 0x0000000000000000000000000000000000000009', 'input/option'],
    ['up --port 0 --chain http://127.0.0.1:1', 'input/option'],
    ['ctp bob 1', 'input/option'],
    ['account new ../bob', 'input/name'],
    ['account deposit bob none', 'input/amount'],
    ['account withdraw bob', 'input/option'],
    ['account withdraw bob 1 --finish', 'input/option'],
    ['account fund 0x0000000000000000000000000000000000000009 1', 'input/option'],
    ['energy certify 0x0000000000000000000000000000000000000009 --out a', 'input/option'],
    ['energy add bob 1.5 --price 1', 'input/energy'],
    ['offer withdraw zero', 'input/number'],
    ['trade zero', 'input/number'],
    ['trade 0x12', 'input/hex'],
    ['erc 1 0', 'input/energy'],
    ['void bob -1', 'input/number'],
    ['void bob x', 'input/number'],
    ['meter new bob', 'input/option'],
    ['meter run bob --register-step 0', 'input/option'],
    ['meter run bob --register-step 1000001', 'input/option'],
    ['committee sign none.json', 'node/unreachable'],
    ['market show', 'node/unreachable'],
    ['market create', 'chain/unreachable'],
    ['trades --node ftp://a', 'input/option'],
    ['meter show', 'meter/unknown'],
    ['account import bob --file none', 'file/unreadable'],
    ['account new bob --password-file none', 'file/unreadable'],
  ])('refuses with one document: spb %s', async (line, code) => {
    const { out, err, code: exitCode } = await runCli(cli, `${line} --json`)
    const { error } = JSON.parse(out) as { error: { code: string; hint: string } }
    expect({ err, code: error.code }).toEqual({ err: '', code })
    expect(error.hint).not.toBe('')
    expect([2, 4, 5]).toContain(exitCode)
  })

  it('takes a bug of its own for one', async () => {
    const failure = toFailure(new TypeError('x is undefined'))
    expect(failure).toMatchObject({ code: 'node/internal' })
    expect(exitCodeOf(failure)).toBe(1)
  })

  it('writes bigints of any depth as decimal strings', async () => {
    const entry = {
      ...{ name: 'sum', group: 'Test:', summary: 'a sum' },
      load: async () => (command: Command) =>
        void command.action(
          actionOf(cli, () => ({ json: { sums: [2n ** 96n] }, text: () => 'a sum' })),
        ),
    }
    const before = cli.out().length
    await createProgram(cli, [entry]).parseAsync(['sum', '--json'], { from: 'user' })
    await new Promise(setImmediate)
    expect(JSON.parse(cli.out().slice(before))).toEqual({ sums: [(2n ** 96n).toString()] })
  })
})
