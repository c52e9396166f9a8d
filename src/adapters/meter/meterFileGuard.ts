import { createHmac, timingSafeEqual } from 'node:crypto'
import {
  closeSync,
  constants,
  fdatasyncSync,
  openSync,
  readFileSync,
  statSync,
  writeSync,
} from 'node:fs'
import { dirname } from 'node:path'
import { expand } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import type { MeterGuard } from '../../ports/meterGuard.ts'
import { decodeNumber, decodeObject } from '../../protocol/decodeMessage.ts'
import { freshPathOf } from './replaceFile.ts'
import type { SealKey } from './seedSeal.ts'
import { syncFolder } from './syncFolder.ts'

/** Two places in the guard's file, each in sectors of its own: a torn write harms only one. */
const phases = ['announced', 'confirmed'] as const
type Phase = (typeof phases)[number]
const slotBytes = 4096

/**
 * Which file was meant. A rename keeps `born` and `inode` and changes `changed`; whatever puts a
 * copy in its place changes at least one of all.
 */
type FileIdentity = { device: string; inode: string; born: string; changed: string }
type Mark = FileIdentity & { generation: number }

const markFields = ['generation', 'device', 'inode', 'born', 'changed']
const keyLabel = new TextEncoder().encode('SPB meter guard v1')

function identify(path: string): FileIdentity {
  const { dev, ino, birthtimeNs, ctimeNs } = statSync(path, { bigint: true })
  const [device, inode, born, changed] = [dev, ino, birthtimeNs, ctimeNs].map(String)
  return { device: device!, inode: inode!, born: born!, changed: changed! }
}

function isSameFile(a: FileIdentity, b: FileIdentity, phase: Phase): boolean {
  const isSame = a.device === b.device && a.inode === b.inode && a.born === b.born
  return isSame && (phase === 'announced' || a.changed === b.changed)
}

function macOf(text: string, phase: Phase, key: Uint8Array): Buffer {
  return createHmac('sha256', key).update(`${phase}\n${text}`).digest()
}

function encodeSlot({ generation, ...file }: Mark, phase: Phase, key: Uint8Array): Buffer {
  const mark = JSON.stringify({ generation, ...file })
  const line = JSON.stringify({ mark, mac: macOf(mark, phase, key).toString('hex') })
  return Buffer.from(`${line.padEnd(slotBytes - 1)}\n`)
}

/** Undefined for whatever is not a slot of this key and phase. */
function decodeSlot(text: string, phase: Phase, key: Uint8Array): Mark | undefined {
  try {
    const { mark, mac } = decodeObject(JSON.parse(text), ['mark', 'mac'], 'slot')
    if (typeof mark !== 'string' || typeof mac !== 'string') return undefined
    const [given, expected] = [Buffer.from(mac, 'hex'), macOf(mark, phase, key)]
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) return undefined
    const { generation, ...file } = decodeObject(JSON.parse(mark), markFields, 'mark')
    const most = Number.MAX_SAFE_INTEGER
    return { ...(file as FileIdentity), generation: decodeNumber(generation, most, 'generation') }
  } catch {
    return undefined
  }
}

function readSlots(path: string, key: Uint8Array): Partial<Record<Phase, Mark>> {
  let text = ''
  try {
    text = readFileSync(path, 'latin1')
  } catch (cause) {
    if ((cause as NodeJS.ErrnoException).code !== 'ENOENT') throw cause
  }
  const slots: Partial<Record<Phase, Mark>> = {}
  for (const [at, phase] of phases.entries()) {
    const mark = decodeSlot(text.slice(at * slotBytes, (at + 1) * slotBytes), phase, key)
    if (mark !== undefined) slots[phase] = mark
  }
  return slots
}

function writeSlot(path: string, slot: Buffer, at: number): void {
  const file = openSync(path, constants.O_RDWR | constants.O_CREAT, 0o600)
  try {
    writeSync(file, slot, 0, slot.length, at * slotBytes)
    fdatasyncSync(file)
  } finally {
    closeSync(file)
  }
}

/**
 * A guard in a second file, NAME.guard, beside a meter's file: it says which generation was saved
 * last, and which file of the disk holds it, under a MAC of the meter's key.
 *
 * Found out is any copy that is put back: of one file, of both, over the old ones or in their
 * place; as such also counts a file that was moved to another disk or whose mode was changed.
 * Not found out is a whole disk put back as a snapshot, with the numbers of its files.
 */
export function openMeterFileGuard(
  path: string,
  { key: sealKey }: Pick<SealKey, 'key'>,
): MeterGuard {
  const guardPath = `${path}.guard`
  const key = expand(sha256, sealKey, keyLabel, 32)
  const slots = readSlots(guardPath, key)
  let isNew = Object.keys(slots).length === 0

  function write(phase: Phase, mark: Mark): void {
    writeSlot(guardPath, encodeSlot(mark, phase, key), phases.indexOf(phase))
    if (isNew) syncFolder(dirname(guardPath))
    isNew = false
    slots[phase] = mark
  }

  return {
    lastGeneration: () => slots.confirmed?.generation ?? 0,
    isLast(generation) {
      const { announced, confirmed } = slots
      const file = identify(path)
      if (confirmed?.generation === generation) return isSameFile(confirmed, file, 'confirmed')
      // A crash came between putting the state in place and confirming it: nothing left the meter.
      const isNext = announced?.generation === generation
      const isAfterLast = (confirmed?.generation ?? generation - 1) < generation
      return isNext && isAfterLast && isSameFile(announced, file, 'announced')
    },
    announce: (generation) => write('announced', { ...identify(freshPathOf(path)), generation }),
    confirm(generation) {
      const file = identify(path)
      const { confirmed } = slots
      const isKnown = confirmed?.generation === generation
      if (isKnown && isSameFile(confirmed, file, 'confirmed')) return
      write('confirmed', { ...file, generation })
    },
  }
}
