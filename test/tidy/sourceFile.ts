import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseAst } from 'vitest/node'

/** A text file of the repository; `path` is relative to its root, with forward slashes. */
export type SourceFile = { path: string; text: string }

/** A node of a syntax tree (ESTree with TypeScript's additions), with offsets into the text. */
export type SyntaxNode = { type: string; start: number; end: number; [field: string]: unknown }

const textEndings = /\.(ts|tsx|mjs|js|json|md|sol|sh|ya?ml|toml|css|html)$|^\.ci\/|^LICENSE$/

/** Generated files: nobody reads or edits them, so only the repository's own rules hold. */
const generatedPaths = /^(src\/abi\/|contracts\/snapshots\/|test\/vectors\/|package-lock\.json$)/

/** The bad examples that prove that each rule can fail. */
const plantedPath = 'test/tidy/plantedCases.ts'

export const isCode = ({ path }: SourceFile): boolean => /\.(ts|tsx|mjs|js)$/.test(path)

export const isSolidity = ({ path }: SourceFile): boolean => path.endsWith('.sol')

export const isGenerated = ({ path }: SourceFile): boolean => generatedPaths.test(path)

/** Tests, and what only tests use. */
export const isTest = ({ path }: SourceFile): boolean =>
  /^(test|contracts\/test)\/|\.(test|testCases|cases)\.tsx?$|\.t\.sol$/.test(path)

/** What npm, browsers and nodes run, as opposed to tests, benchmarks and tools. */
export const isProduct = (file: SourceFile): boolean =>
  file.path.startsWith('src/') && isCode(file) && !isTest(file) && !isGenerated(file)

/** All text files below `root` that git would keep, without the planted bad examples. */
export function readSourceFiles(root: string): SourceFile[] {
  const ignored = readIgnoredPaths(root)
  const files: SourceFile[] = []
  const visit = (folder: string) => {
    for (const entry of readdirSync(join(root, folder), { withFileTypes: true })) {
      const path = folder === '' ? entry.name : `${folder}/${entry.name}`
      if (ignored.some((pattern) => pattern.test(entry.isDirectory() ? `${path}/` : path))) continue
      if (entry.isDirectory()) visit(path)
      else if (entry.isFile() && textEndings.test(path) && path !== plantedPath) {
        files.push({ path, text: readFileSync(join(root, path), 'utf8') })
      }
    }
  }
  visit('')
  return files
}

/** The patterns of .gitignore that this project uses: folders, and files by their ending. */
function readIgnoredPaths(root: string): RegExp[] {
  const lines = readFileSync(join(root, '.gitignore'), 'utf8').split('\n')
  const patterns = lines.map((line) => line.trim()).filter((line) => line && !line.startsWith('#'))
  return ['.git/', ...patterns].map((pattern) => {
    const escaped = pattern.replace(/[.+?^${}()|[\]\\]/g, '\\$&').replaceAll('*', '[^/]*')
    return new RegExp(`(^|/)${escaped}$`)
  })
}

const treesByText = new Map<string, SyntaxNode>()

/** The syntax tree of a TypeScript or JavaScript file. */
export function parseSource({ path, text }: SourceFile): SyntaxNode {
  const known = treesByText.get(text)
  if (known !== undefined) return known
  const lang = path.endsWith('x') ? 'tsx' : path.endsWith('.ts') ? 'ts' : 'js'
  try {
    const tree = parseAst(text, { lang }) as unknown as SyntaxNode
    treesByText.set(text, tree)
    return tree
  } catch (cause) {
    throw new Error(`${path} cannot be parsed`, { cause })
  }
}

const isNode = (value: unknown): value is SyntaxNode =>
  typeof value === 'object' && value !== null && typeof (value as SyntaxNode).type === 'string'

/** Calls `visit` with every node below and including `node`, its parent, and the field it is in. */
export function visitNodes(
  node: SyntaxNode,
  visit: (node: SyntaxNode, parent: SyntaxNode | undefined, field: string) => void,
  parent?: SyntaxNode,
  field = '',
): void {
  visit(node, parent, field)
  for (const [key, value] of Object.entries(node)) {
    for (const child of Array.isArray(value) ? value : [value]) {
      if (isNode(child)) visitNodes(child, visit, node, key)
    }
  }
}

/** The child node in a field, where there is one. */
export function childOf(node: SyntaxNode | undefined, field: string): SyntaxNode | undefined {
  const value = node?.[field]
  return isNode(value) ? value : undefined
}

/** The child nodes in a field that holds a list. */
export function childrenOf(node: SyntaxNode | undefined, field: string): SyntaxNode[] {
  const value = node?.[field]
  return Array.isArray(value) ? value.filter(isNode) : []
}

/** The line of an offset, from 1. */
export const lineAt = ({ text }: SourceFile, offset: number): number =>
  text.slice(0, offset).split('\n').length
