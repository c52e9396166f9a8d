import type { MeterBinding, MeterTree, OpenMeterState } from '../../ports/meterStorage.ts'
import { encodeMessage } from '../../protocol/decodeMessage.ts'
import { encodeSignedCoe } from '../../protocol/meterEvidence.ts'

/** An object’s JSON text up to the items of a list that is its last field. */
function writeUpTo(list: string, object: object): string {
  return `${JSON.stringify(object).slice(0, -1)},"${list}":[`
}

/** Writes each object once, for as long as it is in use: none of them is changed in place. */
function rememberText<Source extends object, Text>(write: (source: Source) => Text) {
  const known = new WeakMap<Source, Text>()
  return (source: Source): Text => {
    const text = known.get(source) ?? write(source)
    known.set(source, text)
    return text
  }
}

const writeBinding = rememberText((binding: MeterBinding) =>
  JSON.stringify({ ...binding, ctp: encodeMessage('Ctp', binding.ctp) }),
)

const writeTree = rememberText(({ bindings, coe, ...rest }: MeterTree) => {
  const head = writeUpTo('bindings', { ...rest, coe: encodeSignedCoe(coe) })
  return Buffer.from(`${head}${bindings.map(writeBinding).join(',')}]}`)
})

/**
 * The JSON text of what a meter keeps, its secret apart: UTF-8, in pieces. What did not change
 * since an earlier state is not written again: a meter remembers thousands of bindings, and
 * changes one at a time.
 */
export function writeMeterState({ trees, certificate, ...rest }: OpenMeterState): Uint8Array[] {
  const own = { ...rest, certificate: encodeMessage('MeterCertificate', certificate) }
  const comma = Buffer.from(',')
  const listed = trees.flatMap((tree) => [comma, writeTree(tree)]).slice(1)
  return [Buffer.from(writeUpTo('trees', own)), ...listed, Buffer.from(']}')]
}
