import { closeSync, fsyncSync, openSync } from 'node:fs'

/** Makes a folder's list of files survive power loss. Throws the system's own errors. */
export function syncFolder(path: string): void {
  // Windows cannot open folders, and needs no sync of them.
  if (process.platform === 'win32') return
  const folder = openSync(path, 'r')
  try {
    fsyncSync(folder)
  } finally {
    closeSync(folder)
  }
}
