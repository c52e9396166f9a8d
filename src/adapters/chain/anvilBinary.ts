import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { delimiter, dirname, join } from 'node:path'
import { SpbError } from '../../protocol/spbError.ts'

const architectures: Readonly<Record<string, string>> = { x64: 'amd64', arm64: 'arm64' }
const executable = process.platform === 'win32' ? 'anvil.exe' : 'anvil'

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

/** The binary that npm installed for a platform. */
function findPackaged(platform: string, architecture: string): string | undefined {
  const name = `@foundry-rs/anvil-${platform}-${architectures[architecture] ?? architecture}`
  try {
    const manifest = createRequire(import.meta.url).resolve(`${name}/package.json`)
    const path = join(dirname(manifest), 'bin', executable)
    return isExecutable(path) ? path : undefined
  } catch {
    return undefined
  }
}

/** The first `anvil` of a PATH. */
function findOnPath(path: string): string | undefined {
  const folders = path.split(delimiter).filter((folder) => folder !== '')
  return folders.map((folder) => join(folder, executable)).find(isExecutable)
}

/** Where to look for the program. */
export type AnvilPlatform = { platform: string; architecture: string; path: string }

/** Path of the anvil program: npm's, else the first one on PATH. Throws `chain/no-binary`. */
export function findAnvilBinary({
  platform = process.platform,
  architecture = process.arch,
  path = process.env.PATH ?? '',
}: Partial<AnvilPlatform> = {}): string {
  const found = findPackaged(platform, architecture) ?? findOnPath(path)
  if (found === undefined) throw new SpbError('chain/no-binary')
  return found
}
