import { join } from 'node:path'
import { openKeyFile } from '../adapters/keys/keyFile.ts'
import type { DataFolder } from './dataFolder.ts'

/** The keys of a data folder's node: each is for one purpose, and lies in a file of its own. */
export type NodeKeyName = 'member' | 'network' | 'manufacturer' | 'authority'

/** Where a key of the folder's node is. */
export function nodeKeyPath({ node }: DataFolder, name: NodeKeyName): string {
  return join(node, `${name}.key`)
}

/**
 * A key of the folder's node, made where it is not there: `member` signs votes and pays for
 * settlements; `network` names the node to other nodes; `manufacturer` and `authority` are for
 * development. Unencrypted, for its owner only: a node starts without a person. Throws what
 * `openKeyFile` does.
 */
export function openNodeKey(folder: DataFolder, name: NodeKeyName): Uint8Array {
  return openKeyFile(nodeKeyPath(folder, name))
}
