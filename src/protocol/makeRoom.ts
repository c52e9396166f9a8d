/** A map or a set: both list their keys from the oldest on. */
type Kept<Key> = { readonly size: number; keys(): Iterable<Key>; delete(key: Key): boolean }

/** Makes room for one more among at most so many: the oldest is forgotten where it is full. */
export function makeRoom<Key>(kept: Kept<Key>, most: number): void {
  if (kept.size < most) return
  for (const oldest of kept.keys()) {
    kept.delete(oldest)
    return
  }
}
