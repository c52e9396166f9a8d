import { describe, expect, it } from 'vitest'
import { codeRules } from './codeRules.ts'
import { importRules } from './importRules.ts'
import { plantedCases, plantedCodes } from './plantedCases.ts'
import { makeRepositoryRules } from './repositoryRules.ts'
import { formatFindings } from './rule.ts'
import { textRules } from './textRules.ts'

const rules = [...importRules, ...codeRules, ...textRules, ...makeRepositoryRules(plantedCodes)]
const ruleOf = (name: string) => {
  const rule = rules.find((each) => each.name === name)
  if (rule === undefined) throw new Error(`no rule is called "${name}"`)
  return rule
}

describe('a rule', () => {
  it('has a name of its own, says how to mend, and has a planted case', () => {
    const names = rules.map(({ name }) => name)
    expect(new Set(names).size).toBe(names.length)
    expect(rules.filter(({ mend }) => mend === '')).toEqual([])
    const planted = new Set(plantedCases.map(({ rule }) => rule))
    expect(names.filter((name) => !planted.has(name))).toEqual([])
  })

  it.each(
    plantedCases.map((each) => [each.rule, each.bad.at(-1)?.text.trim() ?? '', each] as const),
  )('finds what breaks "%s": %s', (name, _, { bad, line }) => {
    const findings = ruleOf(name).find(bad)
    expect(findings.map((finding) => finding.line)).toEqual([line])
  })

  it.each(plantedCases.map((each) => [each.rule, each.good ?? []] as const))(
    'lets pass what keeps "%s"',
    (name, good) => {
      const rule = ruleOf(name)
      const isWhole = /^(every error code|no import cycles)/.test(name)
      const sets = isWhole ? [good] : good.map((file) => [file])
      expect(sets.filter((set) => set.length > 0).flatMap((set) => rule.find(set))).toEqual([])
    },
  )

  it('tells file, line, what is wrong and how to mend it', () => {
    const text = formatFindings(ruleOf('no enums'), [{ path: 'a.ts', line: 3, message: 'an enum' }])
    expect(text).toBe(
      'no enums\n  a.ts:3  an enum\nTo mend: use a union of literals, or an object `as const`',
    )
  })
})
