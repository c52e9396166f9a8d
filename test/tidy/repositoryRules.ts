import type { Finding, Rule } from './rule.ts'
import { isProduct, isTest, type SourceFile } from './sourceFile.ts'

const exactVersions: Rule = {
  name: 'versions are exact',
  mend: 'npm i --save-exact NAME@VERSION',
  find: (files) =>
    files
      .filter(({ path }) => path === 'package.json')
      .flatMap(({ path, text }) =>
        text.split('\n').flatMap((line, index): Finding[] => {
          const [, name, version] = /^ {4}"([^"]+)": "([^"]*)",?$/.exec(line) ?? []
          const isDependency = name !== undefined && listDependencies(text).includes(name)
          if (!isDependency || /^\d+\.\d+\.\d+(-[\w.]+)?$/.test(version ?? '')) return []
          return [{ path, line: index + 1, message: `${name} is "${version}"` }]
        }),
      ),
}

function listDependencies(manifest: string): string[] {
  const fields = JSON.parse(manifest) as Record<string, object | undefined>
  return ['dependencies', 'devDependencies', 'optionalDependencies', 'peerDependencies'].flatMap(
    (field) => Object.keys(fields[field] ?? {}),
  )
}

const holdsCode = ({ text }: SourceFile, code: string): boolean =>
  ["'", '"', '`'].some((quote) => text.includes(`${quote}${code}${quote}`))

const tablePath = 'src/protocol/errorTable.ts'

/** A rule that each error code stands in at least one of the files that `applies` chooses. */
function makeCodeRule(
  name: string,
  mend: string,
  message: string,
  codes: readonly string[],
  applies: (file: SourceFile) => boolean,
): Rule {
  const find = (files: readonly SourceFile[]): Finding[] => {
    const chosen = files.filter(applies)
    const rows = files.find(({ path }) => path === tablePath)?.text.split('\n') ?? []
    return codes
      .filter((code) => !chosen.some((file) => holdsCode(file, code)))
      .map((code) => {
        const line = 1 + rows.findIndex((row) => row.includes(`'${code}'`))
        return { path: tablePath, line, message: `${code} ${message}` }
      })
  }
  return { name, mend, find }
}

/** What holds for the repository as a whole; `codes` are those of the error table. */
export const makeRepositoryRules = (codes: readonly string[]): readonly Rule[] => [
  exactVersions,
  makeCodeRule(
    'every error code is asserted by a test',
    'provoke the error in a test and expect its code, written out',
    'is asserted nowhere',
    codes,
    (file) => isTest(file) && !file.path.startsWith('test/tidy/'),
  ),
  makeCodeRule(
    'every error code is used',
    'throw it where it belongs, or remove its row',
    'is used nowhere in src/',
    codes,
    (file) => isProduct(file) && file.path !== tablePath,
  ),
]
