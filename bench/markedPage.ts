import { readFileSync, writeFileSync } from 'node:fs'

/** The marks between which figures stand on a page. */
const marks = { start: '<!-- figures -->', end: '<!-- /figures -->' }

function splitPage(path: string): { before: string; inside: string; after: string } {
  const text = readFileSync(new URL(`../${path}`, import.meta.url), 'utf8')
  const [before, rest] = text.split(marks.start)
  const [inside, after] = rest?.split(marks.end) ?? []
  if (before === undefined || inside === undefined || after === undefined) {
    throw new Error(`${path} lacks its marks.`)
  }
  return { before, inside, after }
}

/** What stands between the marks of a page; its path is from the repository's root. */
export function readMarked(path: string): string {
  return splitPage(path).inside.trim()
}

/** Puts a text between the marks of a page. */
export function writeMarked(path: string, text: string): void {
  const { before, after } = splitPage(path)
  const page = `${before}${marks.start}\n\n${text.trim()}\n\n${marks.end}${after}`
  writeFileSync(new URL(`../${path}`, import.meta.url), page)
}
