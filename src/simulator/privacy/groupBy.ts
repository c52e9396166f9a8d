/** Puts things into groups. */
export function groupBy<Item, Key, Value>(
  items: Iterable<Item>,
  keyOf: (item: Item) => Key,
  memberOf: (item: Item) => Value,
): Map<Key, Set<Value>> {
  const groups = new Map<Key, Set<Value>>()
  for (const item of items) {
    const key = keyOf(item)
    const group = groups.get(key) ?? new Set()
    groups.set(key, group.add(memberOf(item)))
  }
  return groups
}
