// Adds to package-lock.json the optional packages of other platforms that npm left out because the
// registry in use does not carry them; `npm ci` refuses a lock file that lacks them. Such an entry
// has no checksum, and is installed on its own platform only. Run it after each `npm install`.
import { readFileSync, writeFileSync } from 'node:fs'

const path = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(path, 'utf8'))

const systems = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

/** The platform that a package's name tells, as `os` and `cpu` of its lock entry. */
function platformOf(name) {
  const words = name.split('/').at(-1).split('-')
  const os = systems.find((each) => words.includes(each))
  const cpu = processors.find((each) => words.includes(each))
  if (os === undefined || cpu === undefined) throw new Error(`${name} does not tell its platform.`)
  return { os: [os], cpu: [cpu] }
}

const added = []
for (const [parent, entry] of Object.entries(lock.packages)) {
  for (const [name, version] of Object.entries(entry.optionalDependencies ?? {})) {
    const isThere = [`${parent}/node_modules/${name}`, `node_modules/${name}`].some(
      (place) => lock.packages[place] !== undefined,
    )
    if (isThere) continue
    const dev = entry.dev ? { dev: true } : {}
    lock.packages[`node_modules/${name}`] = { version, ...platformOf(name), ...dev, optional: true }
    added.push(name)
  }
}
if (added.length > 0) {
  const root = lock.packages['']
  const rest = Object.entries(lock.packages).filter(([place]) => place !== '')
  rest.sort(([a], [b]) => (a < b ? -1 : 1))
  lock.packages = Object.fromEntries([['', root], ...rest])
  writeFileSync(path, `${JSON.stringify(lock, null, 2)}\n`)
}
console.log(added.length === 0 ? 'The lock file is complete.' : `Added: ${added.join(', ')}`)
