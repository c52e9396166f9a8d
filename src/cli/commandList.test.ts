import { readFileSync } from 'node:fs'
import { Command } from 'commander'
import { describe, expect, it } from 'vitest'
import { commandList } from './commandList.ts'
import { createTestCli, runCli } from './testCli.cases.ts'

const cli = createTestCli()
const docs = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8')

/** What can be typed below a command: itself, where it has no further words or arguments too. */
function listNames(command: Command, name: string): string[] {
  if (command.commands.length === 0) return [name]
  const own = command.registeredArguments.length > 0 ? [name] : []
  return [...own, ...command.commands.flatMap((sub) => listNames(sub, `${name} ${sub.name()}`))]
}

async function listFullNames(): Promise<string[]> {
  const names: string[] = []
  for (const { name, load } of commandList) {
    const command = new Command(name)
    const define = await load()
    define(command, cli)
    names.push(...listNames(command, name))
  }
  return names
}

const fullNames = await listFullNames()

describe('docs/commands.md', () => {
  it('has a heading for every command, and for no other', () => {
    const headings = docs.split('\n').filter((line) => line.startsWith('### '))
    const documented = headings.flatMap((line) =>
      [...line.matchAll(/`spb ([a-z]+(?:[ -][a-z]+)*)/g)].map(([, words]) => words!),
    )
    expect(documented.toSorted()).toEqual(fullNames.toSorted())
  })
})

describe('every command', () => {
  it.each(fullNames)('has a help with an example: spb %s', async (name) => {
    const { code, out } = await runCli(cli, `${name} --help`)
    expect(code).toBe(0)
    expect(out).toMatch(new RegExp(`Examples:\n  spb ${name}`))
  })
})
