// `node tools/installGeth.mjs`: builds the geth that tests and `spb devnet --chain geth` run, into
// `.cache/`; does nothing where it is there. Needs Go; takes some minutes.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The last version that seals Clique blocks. */
const version = '1.13.15'
const root = join(dirname(fileURLToPath(import.meta.url)), '..')
const folder = join(root, '.cache', `geth-${version}`)
const executable = process.platform === 'win32' ? 'geth.exe' : 'geth'

/** Builds geth; returns what went wrong, if something did. */
function install() {
  mkdirSync(dirname(folder), { recursive: true })
  const building = mkdtempSync(`${folder}-`)
  // Go from 1.23 on refuses to link this version without the flag.
  const words = ['install', '-ldflags=-checklinkname=0', '-trimpath']
  const { status, error } = spawnSync(
    'go',
    [...words, `github.com/ethereum/go-ethereum/cmd/geth@v${version}`],
    { stdio: 'inherit', env: { ...process.env, GOBIN: building } },
  )
  try {
    if (error?.code === 'ENOENT')
      return 'Go is not installed (https://go.dev/dl): no geth is built.'
    if (status !== 0) return `Building geth failed with exit code ${status}.`
    // In one step: another install may have been quicker, and is as good.
    if (!existsSync(join(folder, executable))) renameSync(building, folder)
    return undefined
  } finally {
    rmSync(building, { recursive: true, force: true })
  }
}

if (!existsSync(join(folder, executable))) {
  const problem = install()
  if (problem !== undefined) {
    console.error(problem)
    process.exitCode = 1
  }
}
