import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { errorTable } from '../src/protocol/errorTable.ts'
import { codeRules } from './tidy/codeRules.ts'
import { importRules } from './tidy/importRules.ts'
import { makeRepositoryRules } from './tidy/repositoryRules.ts'
import { formatFindings } from './tidy/rule.ts'
import { readSourceFiles } from './tidy/sourceFile.ts'
import { textRules } from './tidy/textRules.ts'

const files = readSourceFiles(join(import.meta.dirname, '..'))
const rules = [
  ...importRules,
  ...codeRules,
  ...textRules,
  ...makeRepositoryRules(Object.keys(errorTable)),
]

describe('the repository', () => {
  it('is read as a whole', () => {
    const paths = files.map(({ path }) => path)
    const some = ['src/protocol/units.ts', 'test/tidy.test.ts', 'package-lock.json', '.ci/run']
    expect(paths).toEqual(expect.arrayContaining(some))
    expect(paths.filter((path) => path.startsWith('node_modules/'))).toEqual([])
  })

  it.each(rules.map((rule) => [rule.name, rule] as const))('%s', (_, rule) => {
    const findings = rule.find(files)
    if (findings.length > 0) expect.fail(formatFindings(rule, findings))
  })
})
