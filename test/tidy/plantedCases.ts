import type { SourceFile } from './sourceFile.ts'

/** A bad example that a rule must find, on that line, and good ones that it must let pass. */
export type PlantedCase = { rule: string; bad: SourceFile[]; line: number; good?: SourceFile[] }

const file = (path: string, ...lines: string[]): SourceFile => ({ path, text: lines.join('\n') })

const many = (count: number, line: string): string[] => Array.from({ length: count }, () => line)

/** Error codes of the error table in these examples. */
export const plantedCodes: readonly string[] = ['ctp/planted', 'ctp/other']

const table = file('src/protocol/errorTable.ts', '', "'ctp/other': 1,", "'ctp/planted': 2,")

const layers: PlantedCase[] = [
  ['src/protocol/a.ts', '../ports/clock.ts'],
  ['src/ports/a.ts', '../ledger/votes.ts'],
  ['src/ledger/a.ts', '../node/turn.ts'],
  ['src/backbone/a.ts', '../adapters/network/memory.ts'],
  ['src/node/turn.ts', '../adapters/storage/sqlite.ts'],
  ['src/meter/a.ts', '../ledger/votes.ts'],
  ['src/sdk/a.ts', '../ports/clock.ts'],
  ['src/simulator/a.ts', '../adapters/storage/sqlite.ts'],
  ['src/api/a.ts', '../cli/main.ts'],
  ['src/cli/a.ts', '../../test/vectors/all.ts'],
  ['src/ledger/a.ts', './votes.test.ts'],
  ['src/elsewhere/a.ts', '../protocol/units.ts'],
].map(([path = '', target]) => ({
  rule: 'imports go downward',
  bad: [file(path, '', `import { x } from '${target}'`)],
  line: 2,
}))

const imports: PlantedCase[] = [
  ...layers,
  {
    rule: 'imports go downward',
    bad: [file('src/ledger/a.ts', "type A = import('../node/turn.ts').Turn")],
    line: 1,
    good: [
      file('src/ledger/a.ts', "import type { Wei } from '../protocol/units.ts'"),
      file('src/ledger/a.test.ts', "import { memory } from '../adapters/storage/memory.ts'"),
      file('src/node/compose.ts', "import { sqlite } from '../adapters/storage/sqlite.ts'"),
      file('src/simulator/a.ts', "import { memory } from '../adapters/storage/memoryStore.ts'"),
      file('src/sdk/a.ts', "import { marketAbi } from '../abi/market.ts'"),
      file('src/cli/a.ts', "import { compose } from '../node/compose.ts'"),
    ],
  },
  {
    rule: 'no Node modules in layers that run in a browser or in the simulator',
    bad: [file('src/sdk/a.ts', "import { x } from 'viem'", "import { y } from 'node:fs'")],
    line: 2,
    good: [
      file('src/node/compose.ts', "import { y } from 'node:fs'"),
      file('src/cli/a.ts', "import { y } from 'node:fs'"),
    ],
  },
  {
    rule: 'no Node modules in layers that run in a browser or in the simulator',
    bad: [file('src/node/a.ts', "const x = await import('node:net')")],
    line: 1,
  },
  ...[
    ['src/ledger/a.ts', 'Date.now()'],
    ['src/ledger/a.ts', 'new Date()'],
    ['src/backbone/a.ts', 'Math.random()'],
    ['src/node/a.ts', 'setTimeout(run, 5)'],
    ['src/node/a.ts', 'globalThis.setInterval(run, 5)'],
    ['src/node/a.ts', 'performance.now()'],
    ['src/node/a.ts', 'globalThis.crypto.getRandomValues(bytes)'],
    ['src/sdk/a.ts', 'Buffer.from(x)'],
    ['src/protocol/a.ts', 'process.env'],
  ].map(([path = '', text = '']) => ({
    rule: 'time, randomness, network and Node’s globals come through ports',
    bad: [file(path, '', `const x = ${text}`)],
    line: 2,
    good: [
      file('src/cli/a.ts', `const x = ${text}`),
      file('src/node/compose.ts', `const x = ${text}`),
      file('src/node/a.ts', 'const x = { process: 1, now: clock.now(), at: new Date(5) }'),
    ],
  })),
  {
    rule: 'no import cycles',
    bad: [
      file('src/ledger/a.ts', "import { b } from './b.ts'"),
      file('src/ledger/b.ts', "export { c } from './c.ts'"),
      file('src/ledger/c.ts', "import type { A } from './a.ts'"),
    ],
    line: 1,
    good: [
      file('src/ledger/a.ts', "import { b } from './b.ts'", "import { c } from './c.ts'"),
      file('src/ledger/b.ts', "import { c } from './c.ts'"),
      file('src/ledger/c.ts', ''),
    ],
  },
]

const code: PlantedCase[] = [
  {
    rule: 'a function has at most 70 lines',
    bad: [file('src/a.ts', '', 'const run = () => {', ...many(69, 'go()'), '}')],
    line: 2,
    good: [
      file('src/a.ts', 'function run() {', ...many(68, 'go()'), '}'),
      file('src/a.test.ts', "describe('a', () => {", ...many(90, 'go()'), '})'),
    ],
  },
  {
    rule: 'a function has at most 70 lines',
    bad: [file('contracts/src/A.sol', '', 'function a() {', ...many(69, '{ "}"; } // }'), '}')],
    line: 2,
    good: [
      file('contracts/src/A.sol', 'function a();', 'contract A {', ...many(90, 'uint a;'), '}'),
    ],
  },
  {
    rule: 'exports have names',
    bad: [file('src/a.ts', '', 'export default 1')],
    line: 2,
    good: [file('vitest.config.ts', 'export default 1')],
  },
  { rule: 'no barrels', bad: [file('src/a.ts', '', "export * from './b.ts'")], line: 2 },
  { rule: 'no enums', bad: [file('src/a.ts', '', 'enum A { B }')], line: 2 },
  {
    rule: 'types are known',
    bad: [file('src/a.ts', '', 'const a = b as any')],
    line: 2,
    good: [file('src/a.ts', "const a = 'any' // as any")],
  },
  ...['it.only(x)', 'describe.skip(x)', 'it.skip.each([])(x)', 'test.todo(x)', 'ctx.skip()'].map(
    (text) => ({
      rule: 'every test runs',
      bad: [file('src/a.test.ts', '', text)],
      line: 2,
      good: [file('src/a.test.ts', 'rows.skip(1)', 'it(x)', 'it.each([])(x)')],
    }),
  ),
  {
    rule: 'every test runs',
    bad: [file('test/a.test.ts', 'it(x, ({ skip }) => {', 'skip()', '})')],
    line: 2,
  },
  {
    rule: 'a test that may be skipped says what it needs',
    bad: [file('test/a.test.ts', '', "it.skipIf(!hasGo)('settles', run)")],
    line: 2,
    good: [
      file('test/a.test.ts', "it.skipIf(!hasGo)('settles (needs Go)', run)"),
      file('test/a.test.ts', 'describe.runIf(hasGo)(`settles (needs Go)`, run)'),
    ],
  },
  {
    rule: 'no retries',
    bad: [file('vitest.config.ts', 'const a = {', 'retry: 2 }')],
    line: 2,
    good: [file('vitest.config.ts', 'const a = { retry: 0 }')],
  },
  {
    rule: 'what is exported has a docstring',
    bad: [
      file('src/a.ts', '/** Here. */', 'export const a = 1', '', '// No.', 'export type B = 1'),
    ],
    line: 5,
    good: [
      file('src/a.ts', '/** Both. */', 'export const a = 1', 'export const b = 2'),
      file('src/a.ts', '/** Here. */', 'const a = 1', '', 'export { a }'),
      file('src/a.ts', '/** Throws `input/*`. */', 'export const a = 1'),
      file('src/a.ts', "export { a } from './b.ts'"),
      file('src/a.test.ts', 'export const a = 1'),
    ],
  },
  {
    rule: 'what is exported has a docstring',
    bad: [file('src/a.ts', '/** Here. */', 'export const a = () => {', '}', 'export const b = 1')],
    line: 4,
  },
  {
    rule: 'what is exported has a docstring',
    bad: [file('src/a.ts', '/** Other. */', 'const b = 1', '/* Not one. */', 'export const a = 1')],
    line: 4,
  },
  {
    rule: 'a file is named after what it exports',
    bad: [file('src/ledger/holds.ts', 'export const freeMoney = 1')],
    line: 1,
    good: [
      file('src/ledger/holds.ts', 'export const addHold = 1'),
      file('src/ledger/spbError.ts', 'export class SpbError {}'),
    ],
  },
  {
    rule: 'a file is named after what it exports',
    bad: [file('src/ledger/Holds.ts', 'export const Holds = 1')],
    line: 1,
  },
]

const text: PlantedCase[] = [
  {
    rule: 'a file has at most 400 lines, a test 800',
    bad: [file('src/a.ts', ...many(401, ''), '')],
    line: 401,
    good: [file('src/a.ts', ...many(400, ''), ''), file('src/a.test.ts', ...many(800, ''), '')],
  },
  {
    rule: 'a file has at most 400 lines, a test 800',
    bad: [file('contracts/test/A.t.sol', ...many(801, ''), '')],
    line: 801,
  },
  {
    rule: 'a line has at most 100 columns, in prose 130',
    bad: [file('contracts/src/A.sol', '', 'x'.repeat(101))],
    line: 2,
    good: [
      file('src/a.ts', '€'.repeat(100)),
      file('src/a.ts', `// https://example.org/${'x'.repeat(100)}`),
      file('docs/a.md', 'x'.repeat(130), `| ${'x'.repeat(200)} |`),
    ],
  },
  {
    rule: 'a line has at most 100 columns, in prose 130',
    bad: [file('docs/a.md', '', 'x'.repeat(131))],
    line: 2,
  },
  ...['utils.ts', 'index.ts', 'keyHelpers.ts', 'PeerManager.ts', 'common.test.ts'].map((name) => ({
    rule: 'a file’s name says what is in it',
    bad: [file(`src/${name}`, '')],
    line: 1,
    good: [file('src/commonsense.ts', ''), file('src/indexOffers.ts', '')],
  })),
  ...['TODO', 'FIXME'].map((word) => ({
    rule: 'nothing is left unfinished',
    bad: [file('docs/a.md', '', `${word}: more`)],
    line: 2,
    good: [file('docs/a.md', 'mastodon, todo')],
  })),
  ...['// biome-ignore lint: x', '// @ts-ignore', '// @ts-expect-error x'].map((line) => ({
    rule: 'no checker is silenced',
    bad: [file('src/a.ts', '', line)],
    line: 2,
  })),
  {
    rule: 'a Solidity test that may be skipped says what it needs',
    bad: [file('contracts/test/A.t.sol', '', 'vm.skip(true);')],
    line: 2,
    good: [file('contracts/test/A.t.sol', 'vm.skip(true, "needs rain");')],
  },
  ...['/home/ann/spb', '/root/x', 'file:///Users/ann', '"/work/x"'].map((path) => ({
    rule: 'no paths of one machine',
    bad: [file('docs/a.md', '', `See ${path}`)],
    line: 2,
    good: [file('docs/a.md', 'src/work/x, ~/home/x, https://example.org/home/x')],
  })),
  {
    rule: 'no package registry is named',
    bad: [file('package-lock.json', '', '"resolved": "x"')],
    line: 2,
    good: [file('src/a.ts', 'const x = { "resolved": 1 }')],
  },
  {
    rule: 'no package registry is named',
    bad: [file('docs/a.md', '', 'https://registry.npmjs.org/x')],
    line: 2,
    good: [file('docs/a.md', 'https://www.npmjs.com/package/x')],
  },
  {
    rule: 'a Solidity file begins with its licence',
    bad: [file('contracts/src/A.sol', 'pragma solidity 0.8.37;')],
    line: 1,
    good: [file('contracts/src/A.sol', '// SPDX-License-Identifier: Apache-2.0', '')],
  },
]

const repository: PlantedCase[] = [
  ...['^1.2.3', '~1.2.3', 'latest', '1.x', '*'].map((version) => ({
    rule: 'versions are exact',
    bad: [file('package.json', '{', '  "dependencies": {', `    "a": "${version}"`, '  }', '}')],
    line: 3,
    good: [file('package.json', '{', '  "devDependencies": {', '    "a": "1.2.3"', '  }', '}')],
  })),
  {
    rule: 'every error code is asserted by a test',
    bad: [
      table,
      file('src/ledger/a.test.ts', "expectCode('ctp/other')"),
      file('src/ledger/a.ts', "'ctp/planted'"),
      file('test/tidy/rules.test.ts', "'ctp/planted'"),
    ],
    line: 3,
    good: [
      table,
      file('src/ledger/a.test.ts', "expectCode('ctp/other')"),
      file('contracts/test/A.t.sol', '"ctp/planted"'),
    ],
  },
  {
    rule: 'every error code is used',
    bad: [
      table,
      file('src/ledger/a.test.ts', "'ctp/planted'"),
      file('src/ledger/a.ts', "'ctp/other'"),
    ],
    line: 3,
    good: [table, file('src/ledger/a.ts', "'ctp/other'; 'ctp/planted'")],
  },
]

/** One or more examples for each rule of the tidy test. */
export const plantedCases: readonly PlantedCase[] = [...imports, ...code, ...text, ...repository]
