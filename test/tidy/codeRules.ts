import type { Finding, Rule } from './rule.ts'
import {
  childOf,
  childrenOf,
  isCode,
  isGenerated,
  isProduct,
  isSolidity,
  isTest,
  lineAt,
  parseSource,
  type SourceFile,
  type SyntaxNode,
  visitNodes,
} from './sourceFile.ts'

const longestFunction = 70

/** A rule over syntax trees: `judge` returns what is wrong with a node. */
function makeNodeRule(
  name: string,
  mend: string,
  applies: (file: SourceFile) => boolean,
  judge: (node: SyntaxNode, parent: SyntaxNode | undefined, file: SourceFile) => string | undefined,
): Rule {
  const findInFile = (file: SourceFile): Finding[] => {
    const findings: Finding[] = []
    visitNodes(parseSource(file), (node, parent) => {
      const message = judge(node, parent, file)
      if (message === undefined) return
      findings.push({ path: file.path, line: lineAt(file, node.start), message })
    })
    return findings
  }
  return {
    name,
    mend,
    find: (files) =>
      files
        .filter((file) => isCode(file) && !isGenerated(file) && applies(file))
        .flatMap(findInFile),
  }
}

const everywhere = () => true

/** Declarations of another project's code, which has names of its own. */
const isDeclaration = ({ path }: SourceFile): boolean => path.endsWith('.d.ts')

/** The first name of a chain such as `it.each` or `describe.skipIf(x)`. */
function rootName(node: SyntaxNode | undefined): unknown {
  if (node?.type === 'MemberExpression') return rootName(childOf(node, 'object'))
  if (node?.type === 'CallExpression') return rootName(childOf(node, 'callee'))
  return node?.name
}

/** The functions of a Solidity file: where each begins, and how many lines it has. */
function measureSolidityFunctions(text: string): { line: number; length: number }[] {
  const blank = (match: string) => match.replace(/[^\n]/g, ' ')
  const bare = text.replace(/\/\/[^\n]*|\/\*[\s\S]*?\*\/|"(?:\\.|[^"\\\n])*"/g, blank)
  const heads = bare.matchAll(/\b(?:function|constructor|modifier|receive|fallback)\b[^;{}]*\{/g)
  return [...heads].map((head) => {
    let depth = 1
    let end = head.index + head[0].length
    for (; depth > 0 && end < bare.length; end += 1) {
      if (bare[end] === '{') depth += 1
      if (bare[end] === '}') depth -= 1
    }
    return {
      line: bare.slice(0, head.index).split('\n').length,
      length: bare.slice(head.index, end).split('\n').length,
    }
  })
}

const scriptFunctionLength = makeNodeRule(
  `a function has at most ${longestFunction} lines`,
  'give each of its steps a function with a name',
  everywhere,
  (node, parent, file) => {
    if (!/^(FunctionDeclaration|FunctionExpression|ArrowFunctionExpression)$/.test(node.type)) {
      return undefined
    }
    // A describe is a chapter, not a function.
    if (parent?.type === 'CallExpression' && rootName(parent) === 'describe') return undefined
    const length = lineAt(file, node.end) - lineAt(file, node.start) + 1
    return length > longestFunction ? `a function of ${length} lines` : undefined
  },
)

/** Solidity functions that may be longer, and why. */
const longFunctions: Readonly<Record<string, string>> = {
  'contracts/src/Settlement.sol': 'one loop in assembly: a call for each of its steps costs gas',
}

const isShortSolidity = (file: SourceFile): boolean =>
  isSolidity(file) && longFunctions[file.path] === undefined

const functionLength: Rule = {
  ...scriptFunctionLength,
  find: (files) => [
    ...scriptFunctionLength.find(files),
    ...files.filter(isShortSolidity).flatMap(({ path, text }) =>
      measureSolidityFunctions(text)
        .filter(({ length }) => length > longestFunction)
        .map(({ line, length }) => ({ path, line, message: `a function of ${length} lines` })),
    ),
  ],
}

const defaultExports = makeNodeRule(
  'exports have names',
  'export it by name; only the configuration files of tools need a default export',
  (file) => !isDeclaration(file) && !/^(web\/)?(vitest|vite)\.config\.ts$/.test(file.path),
  ({ type }) => (type === 'ExportDefaultDeclaration' ? 'a default export' : undefined),
)

const starExports = makeNodeRule(
  'no barrels',
  'import from the file that holds the thing',
  everywhere,
  ({ type }) => (type === 'ExportAllDeclaration' ? 'export *' : undefined),
)

const enums = makeNodeRule(
  'no enums',
  'use a union of literals, or an object `as const`',
  everywhere,
  ({ type }) => (type === 'TSEnumDeclaration' ? 'an enum' : undefined),
)

const anyTypes = makeNodeRule(
  'types are known',
  'use unknown and narrow it, or name the type',
  everywhere,
  ({ type }) => (type === 'TSAnyKeyword' ? 'the type any' : undefined),
)

const focusedTests = makeNodeRule(
  'every test runs',
  'remove it, or use skipIf with a condition of the machine and a title that says what it needs',
  isTest,
  (node) => {
    const property = childOf(node, 'property')?.name
    const names = ['it', 'test', 'describe', 'suite', 'context', 'ctx']
    if (node.type === 'MemberExpression' && /^(only|skip|todo)$/.test(String(property))) {
      return names.includes(String(rootName(node))) ? `.${property}` : undefined
    }
    const isBare = node.type === 'CallExpression' && childOf(node, 'callee')?.name === 'skip'
    return isBare ? 'skip()' : undefined
  },
)

const skipReasons = makeNodeRule(
  'a test that may be skipped says what it needs',
  'let its title say so: "settles on geth (needs Go)"',
  isTest,
  (node) => {
    const inner = childOf(node, 'callee')
    const member = childOf(inner, 'callee')
    const isConditional =
      node.type === 'CallExpression' &&
      inner?.type === 'CallExpression' &&
      /^(skipIf|runIf)$/.test(String(childOf(member, 'property')?.name))
    if (!isConditional) return undefined
    const [title] = childrenOf(node, 'arguments')
    const quasis = childrenOf(title, 'quasis').map(({ value }) => (value as { raw: string }).raw)
    const text = typeof title?.value === 'string' ? title.value : quasis.join('…')
    return /needs \S/.test(text) ? undefined : `skipIf without "needs …" in the title "${text}"`
  },
)

const retries = makeNodeRule(
  'no retries',
  'make the test certain: wait for the event itself, on a clock that the test moves',
  (file) => isTest(file) || file.path === 'vitest.config.ts',
  (node) => {
    if (node.type !== 'Property' || childOf(node, 'key')?.name !== 'retry') return undefined
    return childOf(node, 'value')?.value === 0 ? undefined : 'retry is not 0'
  },
)

type Export = { name: string; start: number; end: number; isOneLine: boolean }

/** What a file exports, each with the place of its declaration. */
function findExports(file: SourceFile): Export[] {
  const body = childrenOf(parseSource(file), 'body')
  const place = (node: SyntaxNode, name: unknown): Export => ({
    name: String(name),
    start: node.start,
    end: node.end,
    isOneLine: !file.text.slice(node.start, node.end).includes('\n'),
  })
  const declared = (node: SyntaxNode | undefined): unknown[] => [
    ...(childOf(node, 'id') ? [childOf(node, 'id')?.name] : []),
    ...childrenOf(node, 'declarations').map((each) => childOf(each, 'id')?.name),
  ]
  return body
    .filter(({ type }) => type === 'ExportNamedDeclaration')
    .flatMap((node) => [
      ...declared(childOf(node, 'declaration')).map((name) => place(node, name)),
      ...childrenOf(node, 'specifiers').map((each) => {
        const local = childOf(each, 'local')?.name
        const owner = node.source === null && body.find((other) => declared(other).includes(local))
        // What comes from another file has its docstring there.
        return place(owner || { ...node, start: -1, end: -1 }, childOf(each, 'exported')?.name)
      }),
    ])
    .sort((a, b) => a.start - b.start)
}

/** A docstring may itself hold the signs that open a comment, as in `input/*`. */
const endsWithDocstring = /(?:^|\n)[ \t]*\/\*\*(?:(?!\*\/)[\s\S])*\*\/$/

const docstrings: Rule = {
  name: 'what is exported has a docstring',
  mend: 'say in one sentence what it is, then units, ranges, errors and the source',
  find: (files) =>
    files
      .filter((file) => isProduct(file) && !isDeclaration(file))
      .flatMap((file) => {
        let previous: (Export & { hasDocstring: boolean }) | undefined
        return findExports(file).flatMap((each) => {
          const before = file.text.slice(0, Math.max(each.start, 0)).trimEnd()
          const hasOwn = endsWithDocstring.test(before)
          // One docstring covers a block of single lines without a gap, as for a family of numbers,
          // and the further signatures of one function.
          const isJoined =
            previous?.hasDocstring === true &&
            (previous.isOneLine || previous.name === each.name) &&
            !/\S|\n\s*\n/.test(file.text.slice(previous.end, each.start))
          const hasDocstring = hasOwn || isJoined || each.start < 0
          previous = { ...each, hasDocstring }
          const line = lineAt(file, each.start)
          return hasDocstring
            ? []
            : [{ path: file.path, line, message: `${each.name} has no docstring` }]
        })
      }),
}

/** Programs, and subjects of many equal members whose names stand for themselves. */
const freelyNamed = ['src/cli/main.ts', 'src/protocol/units.ts']

/** `vote` and `voting`, `signature` and `sign` are one word. */
const stemOf = (word: string): string =>
  word.toLowerCase().replace(/(ations?|atures?|ings?|ies|s)$/, '')

const exportNames: Rule = {
  name: 'a file is named after what it exports',
  mend: 'rename the file or the export: they share a word, and the file is in camelCase',
  find: (files) =>
    files
      .filter((file) => isProduct(file) && !isDeclaration(file))
      .filter(({ path }) => !freelyNamed.includes(path))
      .flatMap((file) => {
        const base = file.path.replace(/^.*\//, '').replace(/(\.compliance)?\.tsx?$/, '')
        const words = base.split(/(?=[A-Z])/).map(stemOf)
        const names = findExports(file).map(({ name }) => name)
        const holdsWord = (name: string) =>
          words.some((word) => word !== '' && name.toLowerCase().includes(word))
        if (/^[a-z][A-Za-z0-9]*$/.test(base) && names.some(holdsWord)) return []
        const message = `exports ${names.join(', ') || 'nothing'}`
        return [{ path: file.path, line: 1, message }]
      }),
}

/** How TypeScript, JavaScript and Solidity are written. */
export const codeRules: readonly Rule[] = [
  functionLength,
  defaultExports,
  starExports,
  enums,
  anyTypes,
  focusedTests,
  skipReasons,
  retries,
  docstrings,
  exportNames,
]
