import { makeLineRule, type Rule } from './rule.ts'
import { isCode, isGenerated, isSolidity, isTest, type SourceFile } from './sourceFile.ts'

const longestFile = 400
const longestTest = 800
const longestCodeLine = 100
const longestProseLine = 130

const isWritten = (file: SourceFile): boolean =>
  !isGenerated(file) && !/^LICENSE$/.test(file.path) && !/\.(json|toml|ya?ml)$/.test(file.path)

const isProse = ({ path }: SourceFile): boolean => path.endsWith('.md')

const fileLength: Rule = {
  name: `a file has at most ${longestFile} lines, a test ${longestTest}`,
  mend: 'split it by subject',
  find: (files) =>
    files
      .filter((file) => (isCode(file) || isSolidity(file)) && !isGenerated(file))
      .flatMap((file) => {
        const length = file.text.replace(/\n$/, '').split('\n').length
        const longest = isTest(file) ? longestTest : longestFile
        return length > longest
          ? [{ path: file.path, line: length, message: `${length} lines` }]
          : []
      }),
}

const lineLength = makeLineRule(
  `a line has at most ${longestCodeLine} columns, in prose ${longestProseLine}`,
  'break it; tables and addresses may be longer',
  isWritten,
  (line, file) => {
    const longest = isProse(file) ? longestProseLine : longestCodeLine
    const columns = [...line].length
    const mayBeLonger = /https?:\/\/\S+/.test(line) || (isProse(file) && /^\s*\|/.test(line))
    return columns > longest && !mayBeLonger ? `${columns} columns` : undefined
  },
)

const fileNames: Rule = {
  name: 'a file’s name says what is in it',
  mend: 'name it after its subject; there are no drawers for odds and ends, and no index files',
  find: (files) =>
    files
      .filter((file) => isCode(file) || isSolidity(file))
      .flatMap(({ path }) => {
        const base = path.replace(/^.*\//, '').replace(/\..*$/, '')
        const words = base
          .replace(/([a-z0-9])([A-Z])/g, '$1 $2')
          .toLowerCase()
          .split(/[ _-]/)
        const vague = words.find((word) => /^(utils?|helpers?|common|managers?|misc)$/.test(word))
        const word = base === 'index' ? base : vague
        return word === undefined ? [] : [{ path, line: 1, message: `"${word}" in a file's name` }]
      }),
}

/** Brackets inside the words below keep this file from finding itself. */
const unfinished = makeLineRule(
  'nothing is left unfinished',
  'do it now, or open an issue',
  isWritten,
  (line) => /\b(T[O]DO|F[I]XME|X[X]X|H[A]CK)\b/.exec(line)?.[0],
)

const suppressions = makeLineRule(
  'no checker is silenced',
  'write the code so that the checker agrees',
  (file) => (isCode(file) || isSolidity(file)) && !isGenerated(file),
  (line) => /(biome-[i]g|@ts-(i[g]|n[o]check|e[x]pect)|(es|sol)[l]?(int|hint)-dis)/.exec(line)?.[0],
)

const soliditySkips = makeLineRule(
  'a Solidity test that may be skipped says what it needs',
  'give vm.skip a reason as second argument',
  (file) => isSolidity(file),
  (line) => /vm\.skip\((?![^"]*"\w)/.exec(line)?.[0],
)

const machinePaths = makeLineRule(
  'no paths of one machine',
  'make the path from the file’s own place, the project’s root or a temporary folder',
  (file) => !/^LICENSE$/.test(file.path),
  (line) => /(?<![\w.~}-])\/(w[o]rk|r[o]ot|h[o]me|U[s]ers)\/[\w.-]*/.exec(line)?.[0],
)

const registryHosts = makeLineRule(
  'no package registry is named',
  'leave the choice of a registry to the person’s npm; npm i --omit-lockfile-registry-resolved',
  (file) => !/^LICENSE$/.test(file.path),
  (line, { path }) =>
    /\b(r[e]gistry\.[\w.-]+|n[p]mmirror\.com|n[p]m\.pkg\.github\.com)/.exec(line)?.[0] ??
    (path === 'package-lock.json' ? /"resolved":/.exec(line)?.[0] : undefined),
)

const licenses: Rule = {
  name: 'a Solidity file begins with its licence',
  mend: 'begin with // SPDX-License-Identifier: Apache-2.0',
  find: (files) =>
    files
      .filter(isSolidity)
      .filter(({ text }) => !text.startsWith('// SPDX-License-Identifier: Apache-2.0\n'))
      .map(({ path }) => ({ path, line: 1, message: 'no SPDX line' })),
}

/** What holds for text of any kind. */
export const textRules: readonly Rule[] = [
  fileLength,
  lineLength,
  fileNames,
  unfinished,
  suppressions,
  soliditySkips,
  machinePaths,
  registryHosts,
  licenses,
]
