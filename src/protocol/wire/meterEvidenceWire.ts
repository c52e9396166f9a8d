import type { ByteReader } from '../byteReader.ts'
import type { ByteWriter } from '../byteWriter.ts'
import { limits } from '../limits.ts'
import type { MeterEvidence } from '../meterEvidence.ts'
import { seconds } from '../units.ts'
import {
  checkBelow,
  checkCount,
  readAddress,
  readHash,
  readItems,
  writeCount,
} from './wireFields.ts'

/** Writes meter evidence of kind 0, as messages and databases hold it: at most 745 bytes. */
export function writeEvidence(writer: ByteWriter, evidence: MeterEvidence): void {
  const { coe, path, witness } = evidence
  writer.uint32(path.index)
  writeCount(writer, path.siblings.length, limits.treeHeight)
  for (const sibling of path.siblings) writer.hex(sibling)
  writer.hex(coe.root).uint8(coe.height)
  writer.uint40(coe.notBeforeSeconds).uint40(coe.notAfterSeconds).hex(evidence.coeSignature)
  writer.hex(witness.meter).hex(witness.model).uint40(witness.notAfterSeconds)
  writer.hex(evidence.witnessSignature)
}

/**
 * Reads what `writeEvidence` wrote. Throws `input/too-large`, `input/number`, `input/address`,
 * `input/shape`.
 */
export function readEvidence(reader: ByteReader): MeterEvidence {
  const index = checkBelow(reader.uint32(), 2 ** limits.treeHeight, 'place in a tree')
  const height = checkCount(reader.uint8(), limits.treeHeight, 'siblings of a meter key')
  const siblings = readItems(reader, height, readHash)
  return {
    kind: 0,
    path: { index, siblings },
    coe: {
      root: reader.hex(32),
      height: reader.uint8(),
      notBeforeSeconds: seconds(reader.uint40()),
      notAfterSeconds: seconds(reader.uint40()),
    },
    coeSignature: reader.hex(64),
    witness: {
      meter: readAddress(reader),
      model: reader.hex(32),
      notAfterSeconds: seconds(reader.uint40()),
    },
    witnessSignature: reader.hex(64),
  }
}
