import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { SpbError } from '../../protocol/spbError.ts'

/** The last line of geth that seals Clique blocks. */
const sealingVersion = /^Version: 1\.13\./m
const executable = process.platform === 'win32' ? 'geth.exe' : 'geth'
/** Where `tools/installGeth.mjs` puts it. */
const installed = new URL(`../../../.cache/geth-1.13.15/${executable}`, import.meta.url)

/** Where to look for geth. */
export type GethPlaces = {
  /** A path that a person named; nothing else is tried then. */
  named: string | undefined
  installed: string
  path: string
}

function canSeal(path: string): boolean {
  try {
    return sealingVersion.test(execFileSync(path, ['version'], { encoding: 'utf8' }))
  } catch {
    return false
  }
}

/**
 * Path of a geth that can seal Clique blocks: the one that `SPB_GETH` names, else the installed
 * one, else the first one on PATH. Throws `chain/no-binary`.
 */
export function findGethBinary({
  named = process.env.SPB_GETH,
  installed: cached = fileURLToPath(installed),
  path = process.env.PATH ?? '',
}: Partial<GethPlaces> = {}): string {
  const onPath = path
    .split(delimiter)
    .filter((folder) => folder !== '')
    .map((folder) => join(folder, executable))
  const places = named ? [named] : [cached, ...onPath]
  const found = places.find((place) => existsSync(place) && canSeal(place))
  if (found !== undefined) return found
  throw new SpbError('chain/no-binary', 'There is no geth that seals Clique blocks.', {
    hint: 'Install Go and run: node tools/installGeth.mjs. Or set SPB_GETH to a geth 1.13.',
  })
}
