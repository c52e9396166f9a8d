import { isBuiltin } from 'node:module'
import { posix } from 'node:path'
import {
  fileTable,
  indeterminateNames,
  type LayerRow,
  layerTable,
  nodeOnlyNames,
  openFiles,
} from './layerTable.ts'
import type { Finding, Rule } from './rule.ts'
import {
  childOf,
  isCode,
  isGenerated,
  isProduct,
  isTest,
  lineAt,
  parseSource,
  type SourceFile,
  type SyntaxNode,
  visitNodes,
} from './sourceFile.ts'

/** One import of a file; `target` is a path in the repository, or a package's name. */
type Import = { line: number; target: string; isOurs: boolean }

function findImports(file: SourceFile): Import[] {
  const imports: Import[] = []
  visitNodes(parseSource(file), (node) => {
    if (
      !/^(Import|Export(Named|All))Declaration$|^ImportExpression$|^TSImportType$/.test(node.type)
    )
      return
    const specifier = childOf(node, 'source')?.value
    if (typeof specifier !== 'string') return
    const isOurs = specifier.startsWith('.')
    const target = isOurs ? posix.join(posix.dirname(file.path), specifier) : specifier
    imports.push({ line: lineAt(file, node.start), target, isOurs })
  })
  return imports
}

const layerOf = (path: string): string | undefined => /^src\/([^/]+)\//.exec(path)?.[1]

const rowOf = ({ path }: SourceFile): LayerRow | undefined =>
  fileTable[path] ?? layerTable[layerOf(path) ?? '']

function judgeImport(file: SourceFile, { target, isOurs }: Import): string | undefined {
  if (!isOurs) return undefined
  const [from, to] = [layerOf(file.path), layerOf(target)]
  const row = rowOf(file)
  if (from === undefined || row === undefined) {
    return `lies in no layer of the table, and imports ${target}`
  }
  if (isTest({ path: target, text: '' })) return `product code imports a test's file, ${target}`
  if (to === undefined) return `product code imports ${target}, which is outside src/`
  if (to === from || row.mayImport.includes(to)) return undefined
  if (openFiles.some(({ importer, path }) => importer === from && path.test(target))) {
    return undefined
  }
  return `${from}/ must not import ${to}/ (${target})`
}

const layers: Rule = {
  name: 'imports go downward',
  mend:
    'let the upper layer call the lower one, or put what both need into a port or protocol/; ' +
    'the table is test/tidy/layerTable.ts',
  find: (files) =>
    files.filter(isProduct).flatMap((file) =>
      findImports(file).flatMap((each) => {
        const message = judgeImport(file, each)
        return message === undefined ? [] : [{ path: file.path, line: each.line, message }]
      }),
    ),
}

const builtins: Rule = {
  name: 'no Node modules in layers that run in a browser or in the simulator',
  mend: 'go through a port (src/ports/), or move the code to adapters/, api/ or cli/',
  find: (files) =>
    files
      .filter((file) => isProduct(file) && isRestricted(rowOf(file)))
      .flatMap((file) =>
        findImports(file)
          .filter(({ target, isOurs }) => !isOurs && isBuiltin(target))
          .map(({ line, target }) => ({ path: file.path, line, message: `imports ${target}` })),
      ),
}

const isRestricted = (row: LayerRow | undefined): boolean =>
  row?.isDeterministic === true || row?.isBrowserSafe === true

/** `a.b` for a member of an identifier, with a leading `globalThis.` left out. */
function nameOf(node: SyntaxNode, parent: SyntaxNode | undefined, field: string) {
  if (node.type === 'MemberExpression' && node.computed === false) {
    const [object, property] = [childOf(node, 'object'), childOf(node, 'property')]
    const inner = object?.type === 'MemberExpression' ? childOf(object, 'property') : object
    return inner?.name === 'globalThis' ? property?.name : `${inner?.name}.${property?.name}`
  }
  // The name of a property or a member is not a use of the global one.
  const isLabel = field === 'key' || (field === 'property' && parent?.computed === false)
  return node.type === 'Identifier' && !isLabel ? node.name : undefined
}

function findGlobals(file: SourceFile): Finding[] {
  const row = rowOf(file)
  const forbidden = [
    ...(row?.isDeterministic ? indeterminateNames : []),
    ...(row?.isBrowserSafe ? nodeOnlyNames : []),
  ]
  const findings: Finding[] = []
  const add = (node: SyntaxNode, message: string) =>
    findings.push({ path: file.path, line: lineAt(file, node.start), message })
  visitNodes(parseSource(file), (node, parent, field) => {
    const name = nameOf(node, parent, field)
    if (typeof name === 'string' && forbidden.includes(name)) add(node, `uses ${name}`)
    const isClock = node.type === 'NewExpression' && childOf(node, 'callee')?.name === 'Date'
    if (isClock && row?.isDeterministic && (node.arguments as unknown[]).length === 0) {
      add(node, 'uses new Date()')
    }
  })
  return findings
}

const globals: Rule = {
  name: 'time, randomness, network and Node’s globals come through ports',
  mend: 'take a Clock, Random or Network port, or Uint8Array instead of Buffer',
  find: (files) =>
    files.filter((file) => isProduct(file) && isRestricted(rowOf(file))).flatMap(findGlobals),
}

/** A way from `start` back to itself along imports, or undefined. */
function findCycle(start: string, graph: ReadonlyMap<string, readonly string[]>) {
  const cameFrom = new Map<string, string>()
  const queue = [start]
  for (let path = queue.shift(); path !== undefined; path = queue.shift()) {
    for (const next of graph.get(path) ?? []) {
      if (next === start) {
        const cycle = [start]
        for (let at: string | undefined = path; at !== undefined; at = cameFrom.get(at)) {
          cycle.unshift(at)
        }
        return cycle
      }
      if (cameFrom.has(next)) continue
      cameFrom.set(next, path)
      queue.push(next)
    }
  }
  return undefined
}

const cycles: Rule = {
  name: 'no import cycles',
  mend: 'move what two files need of each other into a third one',
  find: (files) => {
    const graph = new Map(
      files
        .filter((file) => isCode(file) && !isGenerated(file))
        .map((file) => {
          const ours = findImports(file).filter(({ isOurs }) => isOurs)
          return [file.path, ours.map(({ target }) => target)] as const
        }),
    )
    const told = new Set<string>()
    return [...graph.keys()].flatMap((path) => {
      const cycle = told.has(path) ? undefined : findCycle(path, graph)
      for (const each of cycle ?? []) told.add(each)
      return cycle === undefined ? [] : [{ path, line: 1, message: cycle.join(' → ') }]
    })
  },
}

/** Who may import what, and what code may use of its surroundings. */
export const importRules: readonly Rule[] = [layers, builtins, globals, cycles]
