import type { MeterBinding, MeterTree, OpenMeterState } from '../../ports/meterStorage.ts'
import { decodeMarket } from '../../protocol/ctpSubmission.ts'
import {
  decodeAddress,
  decodeHex,
  decodeList,
  decodeMessage,
  decodeNumber,
  decodeObject,
} from '../../protocol/decodeMessage.ts'
import { limits } from '../../protocol/limits.ts'
import { decodeSignedCoe } from '../../protocol/meterEvidence.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { maxUint32, maxUint40, seconds, wh } from '../../protocol/units.ts'
import { decodeIncidents, decodeRegister } from './registerCodec.ts'

const bindingFields = [
  ...['leaf', 'order', 'ctpId', 'ctp', 'consumer'],
  ...['deliveredWh', 'measuredAtSeconds', 'isReleased'],
]
/** Files of version 1 lack them: energy was signed as soon as it was measured. */
const receiptFields = ['signedWh', 'acknowledgedWh']
const treeFields = ['number', 'height', 'market', 'coe', 'nextLeaf', 'bindings']
const stateFields = [
  ...['name', 'certificate', 'manufacturerSignature', 'treeHeight'],
  ...['nextTree', 'nextOrder', 'trees'],
]
const optionalFields = ['register', 'incidents', 'floorSeconds', 'isRestored']

function decodeBinding(value: unknown, nextLeaf: number): MeterBinding {
  const object = decodeObject(value, bindingFields, 'binding', receiptFields)
  const { signedWh = object.deliveredWh, acknowledgedWh = object.deliveredWh } = object
  if (typeof object.isReleased !== 'boolean') throw new SpbError('input/shape')
  return {
    leaf: decodeNumber(object.leaf, nextLeaf - 1, 'leaf'),
    order: decodeNumber(object.order, Number.MAX_SAFE_INTEGER, 'order'),
    ctpId: decodeHex(object.ctpId, 32, 'ctpId'),
    ctp: decodeMessage('Ctp', object.ctp),
    consumer: decodeAddress(object.consumer, 'consumer'),
    deliveredWh: wh(decodeNumber(object.deliveredWh, maxUint32, 'deliveredWh')),
    measuredAtSeconds: seconds(decodeNumber(object.measuredAtSeconds, maxUint40, 'time')),
    signedWh: wh(decodeNumber(signedWh, maxUint32, 'signedWh')),
    acknowledgedWh: wh(decodeNumber(acknowledgedWh, maxUint32, 'acknowledgedWh')),
    isReleased: object.isReleased,
  }
}

function decodeTree(value: unknown): MeterTree {
  const object = decodeObject(value, treeFields, 'tree')
  const height = decodeNumber(object.height, limits.treeHeight, 'height')
  const nextLeaf = decodeNumber(object.nextLeaf, 2 ** height, 'nextLeaf')
  return {
    number: decodeNumber(object.number, maxUint32, 'number'),
    height,
    market: decodeMarket(object.market),
    coe: decodeSignedCoe(object.coe),
    nextLeaf,
    bindings: decodeList(object.bindings, 2 ** height, 'bindings', (binding) =>
      decodeBinding(binding, nextLeaf),
    ),
  }
}

function decodeMeasured(object: Record<string, unknown>): Partial<OpenMeterState> {
  const { register, incidents, floorSeconds, isRestored } = object
  if (isRestored !== undefined && isRestored !== true) throw new SpbError('input/shape')
  return {
    ...(register === undefined ? {} : { register: decodeRegister(register) }),
    ...(incidents === undefined ? {} : { incidents: decodeIncidents(incidents) }),
    ...(floorSeconds === undefined
      ? {}
      : { floorSeconds: seconds(decodeNumber(floorSeconds, maxUint40, 'floorSeconds')) }),
    ...(isRestored === undefined ? {} : { isRestored }),
  }
}

/** Parses what `writeMeterState` wrote. Throws `input/*`. */
export function decodeMeterState(value: unknown): OpenMeterState {
  const object = decodeObject(value, stateFields, 'meter', optionalFields)
  if (typeof object.name !== 'string') throw new SpbError('input/shape', 'name is not text.')
  return {
    name: object.name,
    certificate: decodeMessage('MeterCertificate', object.certificate),
    manufacturerSignature: decodeHex(object.manufacturerSignature, 64, 'manufacturerSignature'),
    treeHeight: decodeNumber(object.treeHeight, limits.treeHeight, 'treeHeight'),
    nextTree: decodeNumber(object.nextTree, maxUint32, 'nextTree'),
    nextOrder: decodeNumber(object.nextOrder, Number.MAX_SAFE_INTEGER, 'nextOrder'),
    trees: decodeList(object.trees, maxUint32, 'trees', decodeTree),
    ...decodeMeasured(object),
  }
}
