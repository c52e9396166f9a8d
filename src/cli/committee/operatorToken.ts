import { randomBytes } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { replaceFile } from '../../adapters/meter/replaceFile.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { type DataFolder, makeFolder } from '../dataFolder.ts'

const tokenPattern = /^[0-9a-f]{64}$/

/** Where the word lies by which a folder's node knows its operator. */
export const operatorTokenPath = ({ node }: DataFolder): string => join(node, 'operator.token')

/**
 * The word by which the folder's node knows its operator: whoever can read the folder. Throws
 * `epoch/not-operator` where there is none.
 */
export function readOperatorToken(folder: DataFolder): string {
  let text = ''
  try {
    text = readFileSync(operatorTokenPath(folder), 'utf8').trim()
  } catch (cause) {
    throw new SpbError('epoch/not-operator', undefined, { cause, meta: { folder: folder.path } })
  }
  if (tokenPattern.test(text)) return text
  throw new SpbError('epoch/not-operator', 'The operator’s token is damaged.', {
    hint: 'Delete the file node/operator.token and start the node again.',
    meta: { folder: folder.path },
  })
}

/** As `readOperatorToken`; makes one, for its owner only, where there is none. */
export function openOperatorToken(folder: DataFolder): string {
  const path = operatorTokenPath(folder)
  if (existsSync(path)) return readOperatorToken(folder)
  const token = randomBytes(32).toString('hex')
  makeFolder(folder.node)
  try {
    replaceFile(path, `${token}\n`)
  } catch (cause) {
    throw new SpbError('store/failed', `The file ${path} cannot be written.`, { cause })
  }
  return token
}
