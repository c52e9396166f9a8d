import type { SourceFile } from './sourceFile.ts'

/** A place that breaks a rule. */
export type Finding = { path: string; line: number; message: string }

/** Something that holds for the whole repository; `mend` says how to put a finding right. */
export type Rule = {
  name: string
  mend: string
  find: (files: readonly SourceFile[]) => Finding[]
}

/** A rule that looks at one line at a time: `judge` returns what is wrong with it. */
export function makeLineRule(
  name: string,
  mend: string,
  applies: (file: SourceFile) => boolean,
  judge: (line: string, file: SourceFile) => string | undefined,
): Rule {
  const findInFile = (file: SourceFile): Finding[] =>
    file.text.split('\n').flatMap((text, index) => {
      const message = judge(text, file)
      return message === undefined ? [] : [{ path: file.path, line: index + 1, message }]
    })
  return { name, mend, find: (files) => files.filter(applies).flatMap(findInFile) }
}

/** All findings of a rule as one text: file, line, what is wrong, and how to mend it. */
export function formatFindings(rule: Rule, findings: readonly Finding[]): string {
  const lines = findings.map(({ path, line, message }) => `  ${path}:${line}  ${message}`)
  return `${rule.name}\n${[...new Set(lines)].join('\n')}\nTo mend: ${rule.mend}`
}
