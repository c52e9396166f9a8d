import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Command } from 'commander'
import { beforeAll, describe, expect, it } from 'vitest'
import { defaultApiLimits } from '../src/api/apiLimits.ts'
import { processCli } from '../src/cli/cli.ts'
import { commandList } from '../src/cli/commandList.ts'
import { createProgram } from '../src/cli/program.ts'
import { decodeCtpSubmission, decodeMarket } from '../src/protocol/ctpSubmission.ts'
import { decodeHex, decodeMessage } from '../src/protocol/decodeMessage.ts'
import { errorTable, isErrorCode } from '../src/protocol/errorTable.ts'
import { decodeHoldCertificate, decodeVoidCertificate } from '../src/protocol/holdCertificate.ts'
import { limits } from '../src/protocol/limits.ts'
import { decodeSignedErc } from '../src/protocol/signedErc.ts'
import { proofViewCodec } from '../src/protocol/viewCodecs.ts'

const root = join(import.meta.dirname, '..')
const listPages = (folder: string) =>
  readdirSync(join(root, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name))
const paths = ['README.md', ...listPages('docs'), ...listPages('contracts')]

type Page = { path: string; text: string }
const readPage = (path: string): Page => ({ path, text: readFileSync(join(root, path), 'utf8') })
const pages = paths.map(readPage)

type Fence = { info: string; text: string }

function listFences({ text }: Page): Fence[] {
  return [...text.matchAll(/^```(.*)\n([\s\S]*?)^```$/gm)].map(([, info = '', inside = '']) => ({
    info,
    text: inside,
  }))
}

/** Lines of fenced code and inline code: where people copy from. */
function listCode(page: Page): string[] {
  const prose = page.text.replace(/^```[\s\S]*?^```$/gm, '')
  const inline = [...prose.matchAll(/`([^`\n]+)`/g)].map(([, code = '']) => code)
  return [...listFences(page).flatMap(({ text }) => text.split('\n')), ...inline]
}

const textOutsideCode = ({ text }: Page) =>
  text.replace(/^```[\s\S]*?^```$/gm, '').replace(/`[^`\n]*`/g, 'code')

/** The anchors of a page's headings, as GitHub makes them. */
function listAnchors({ text }: Page): string[] {
  const headings = text.replace(/^```[\s\S]*?^```$/gm, '').matchAll(/^#+ (.*)$/gm)
  return [...headings].map(([, heading = '']) =>
    heading
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

function findBrokenLinks(page: Page): string[] {
  const links = [...textOutsideCode(page).matchAll(/\]\(([^)\s]+)\)/g)].map(([, to = '']) => to)
  return links
    .filter((link) => !/^https?:/.test(link))
    .filter((link) => {
      const [path = '', anchor] = link.split('#')
      const target = path === '' ? join(root, page.path) : join(root, dirname(page.path), path)
      if (!existsSync(target)) return true
      if (anchor === undefined) return false
      return !listAnchors(readPage(relative(root, target))).includes(anchor)
    })
}

function findWrongCodes({ text }: Page): string[] {
  const groups = new Set(Object.keys(errorTable).map((code) => code.split('/')[0]))
  const words = text.match(/(?<![\w/.-])[a-z]+\/[a-z-]+[\w./-]*/g) ?? []
  return words
    .map((word) => word.replace(/\.$/, ''))
    .filter((word) => /^[a-z]+\/[a-z][a-z-]*$/.test(word))
    .filter((word) => groups.has(word.split('/')[0]) && !isErrorCode(word))
}

/** The words of each `spb …` in a piece of code. */
function listCalls(code: string): string[][] {
  const calls = [...code.matchAll(/(?:^|[\s($])spb (?:-- )?([^`#|"]+)/g)]
  return calls.map(([, rest = '']) => rest.replace(/[.,:;)]+(?=\s|$)/g, '').split(/\s+/))
}

const isPlaceholder = (word: string) => /^[^a-z]/.test(word) && !word.startsWith('-')

function hasOption(commands: readonly Command[], option: string): boolean {
  return (
    option === '--help' || commands.some((each) => each.options.some(({ long }) => long === option))
  )
}

const findNamed = (command: Command, word: string) =>
  command.commands.find((each) => each.name() === word || each.aliases().includes(word))

/** What is wrong with a call; undefined where all of its words are there. */
function judgeCall(program: Command, words: readonly string[]): string | undefined {
  const call = `spb ${words.join(' ')}`
  const chain = [program]
  for (const word of words.filter((each) => each !== '' && !each.startsWith('--'))) {
    const command = chain.at(-1)!
    if (command.commands.length === 0 || isPlaceholder(word)) break
    const child = findNamed(command, word)
    if (child === undefined) return call
    chain.push(child)
  }
  const options = words.filter((word) => word.startsWith('--'))
  return options.every((option) => hasOption(chain, option)) ? undefined : call
}

describe('the pages', () => {
  let program: Command

  beforeAll(async () => {
    const cli = processCli()
    program = createProgram(cli)
    for (const { name, load } of commandList) (await load())(findNamed(program, name)!, cli)
  })

  it.each(pages)('$path: links lead somewhere', (page) => {
    expect(findBrokenLinks(page)).toEqual([])
  })

  it.each(pages)('$path: error codes are in the table', (page) => {
    expect(findWrongCodes(page)).toEqual([])
  })

  it.each(pages)('$path: commands and their options are there', (page) => {
    const calls = listCode(page).flatMap(listCalls)
    const wrong = calls.map((words) => judgeCall(program, words)).filter((call) => call)
    expect(wrong).toEqual([])
  })

  it.each(pages)('$path: npm scripts are there', (page) => {
    const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>
    }
    const called = listCode(page).flatMap((code) => [
      ...[...code.matchAll(/npm run ([\w-]+)/g)].map(([, name = '']) => name),
      ...[...code.matchAll(/npm (start|test)\b/g)].map(([, name = '']) => name),
    ])
    expect(called.filter((name) => scripts[name] === undefined)).toEqual([])
  })

  it.each(pages)('$path: files that are named are there', (page) => {
    const named = listCode(page)
      .filter((code) => /^(src|test|tools|bench|contracts)\/[\w./-]*\w(\.\w+|\/)$/.test(code))
      .filter((path) => !path.includes('NAME'))
    const folders = [root, join(root, dirname(page.path))]
    const isThere = (path: string) => folders.some((folder) => existsSync(join(folder, path)))
    expect(named.filter((path) => !isThere(path))).toEqual([])
  })

  it.each(pages)('$path: programs import what is there', async (page) => {
    const imports = listFences(page)
      .filter(({ info }) => info === 'ts')
      .flatMap(({ text }) => [...text.matchAll(/^import \{ (.*) \} from '(\.\/src\/.*)'$/gm)])
    for (const [, names = '', path = ''] of imports) {
      const module = await import(pathToFileURL(resolve(root, path)).href)
      expect(Object.keys(module)).toEqual(expect.arrayContaining(names.split(', ')))
    }
  })

  it('would tell a broken link, code and call', () => {
    const page = { path: 'README.md', text: '[a](docs/none.md) [b](#none) `ctp/no-such`' }
    expect(findBrokenLinks(page)).toEqual(['docs/none.md', '#none'])
    expect(findWrongCodes(page)).toEqual(['ctp/no-such'])
    const calls = [
      ...['spb fly', 'spb account fly', 'spb up --fly', 'spb committee propose fly'],
      'spb account new A --data B',
    ]
    const judged = calls.flatMap(listCalls).map((words) => judgeCall(program, words))
    expect(judged).toEqual([...calls.slice(0, 4), undefined])
  })
})

const decoders: Record<string, (json: never) => unknown> = {
  CtpSubmission: decodeCtpSubmission,
  SignedErc: decodeSignedErc,
  HoldCertificate: decodeHoldCertificate,
  VoidCertificate: decodeVoidCertificate,
  Proof: (json) => proofViewCodec.decode(json, 'proof'),
  EnergyCertificate: ({ market, account, notAfterSeconds, authority, signature }) => [
    decodeMarket(market),
    decodeMessage('EnergyAccountCertificate', { account, notAfterSeconds }),
    decodeHex(authority, 20, 'authority'),
    decodeHex(signature, 64, 'signature'),
  ],
}

/** Signatures are shortened in print; what is left out does not matter to their form. */
const lengthen = (text: string) =>
  text.replace(/0x(\w+)…(\w+)/g, (_, a: string, b: string) => `0x${a.padEnd(120, '0')}${b}`)

describe('docs/protocol.md', () => {
  const page = readPage('docs/protocol.md')
  const examples = listFences(page).filter(({ info }) => info.startsWith('json '))

  it('has an example of each form', () => {
    expect(examples.map(({ info }) => info.slice(5))).toEqual(Object.keys(decoders))
  })

  it.each(examples)('$info is of its form', ({ info, text }) => {
    const decode = decoders[info.slice(5)]!
    expect(() => decode(JSON.parse(lengthen(text)) as never)).not.toThrow()
  })

  it('names tests that name the promise, and says which promises come later', () => {
    const rows = [...page.text.matchAll(/^\| (P\d+) \| .* \| (.*) \|$/gm)]
    expect(rows.map(([, promise]) => promise)).toEqual(
      Array.from({ length: 11 }, (_, index) => `P${index + 1}`),
    )
    for (const [, promise = '', tests = ''] of rows) {
      const files = [...tests.matchAll(/`([^`]+)`/g)].map(([, path = '']) => path)
      if (files.length === 0) expect(tests).toContain('*later')
      for (const file of files) {
        const text = readFileSync(join(root, file), 'utf8')
        expect(text, `${file} names ${promise}`).toMatch(new RegExp(`\\b${promise}\\b`))
      }
    }
  })
})

describe('docs/privacy.md', () => {
  const { text } = readPage('docs/privacy.md')
  const listed = [...text.matchAll(/^- (t\d+): `([^`]+)`, “(.+)”$/gm)].map(
    ([, name = '', path = '', title = '']) => ({ name, path, title }),
  )
  const cells = text
    .split('\n')
    .filter((line) => line.startsWith('| ') && line.includes('*(t'))
    .flatMap((line) => line.split(' | ').slice(1))

  it.each(listed)('$name: $path has the test “$title”', ({ path, title }) => {
    expect(readFileSync(join(root, path), 'utf8')).toContain(`  it('${title}'`)
  })

  it('names a test for each cell of its table, and none in vain', () => {
    expect(cells).toHaveLength(8 * 6)
    const named = cells.map(
      (cell) => /\*\((t\d+(?:, t\d+)*)\)\*/.exec(cell)?.[1]?.split(', ') ?? [],
    )
    expect(named.filter((names) => names.length === 0)).toEqual([])
    expect(new Set(named.flat())).toEqual(new Set(listed.map(({ name }) => name)))
  })
})

describe('docs/limits.md', () => {
  const { text } = readPage('docs/limits.md')
  const format = ([name, value]: [string, number]): string => {
    if (name.endsWith('Ms')) return `${value / 1000} s`
    if (name.endsWith('Bytes') && value % 2 ** 20 === 0) return `${value / 2 ** 20} MiB`
    return value.toLocaleString('en-US')
  }

  it.each(Object.entries({ ...limits, ...defaultApiLimits(true) }))('states %s', (...limit) => {
    expect(text).toMatch(new RegExp(`(?<![\\d,])${format(limit)}(?![\\d,]\\d)`))
  })
})
