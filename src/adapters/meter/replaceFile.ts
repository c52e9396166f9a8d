import { closeSync, fsyncSync, openSync, renameSync, writeSync } from 'node:fs'
import { dirname } from 'node:path'
import { syncFolder } from './syncFolder.ts'

/** Where a file's next text lies before it is put in place. */
export const freshPathOf = (path: string): string => `${path}.new`

/**
 * Replaces a file's text, which may come in pieces: after a crash either the old or the new one is
 * there, and once this has returned the new one. Readable by its owner only. `beforeRename` is
 * called when the new text lies durably at `freshPathOf(path)`. Throws the system's own errors.
 */
export function replaceFile(
  path: string,
  text: string | readonly Uint8Array[],
  beforeRename = () => {},
): void {
  const pieces = typeof text === 'string' ? [Buffer.from(text)] : text
  const fresh = freshPathOf(path)
  const file = openSync(fresh, 'w', 0o600)
  try {
    for (const bytes of pieces) {
      let written = 0
      while (written < bytes.length) written += writeSync(file, bytes, written)
    }
    fsyncSync(file)
  } finally {
    closeSync(file)
  }
  beforeRename()
  renameSync(fresh, path)
  syncFolder(dirname(path))
}
