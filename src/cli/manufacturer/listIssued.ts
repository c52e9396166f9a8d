import type { Address } from '../../protocol/bytes.ts'
import { isRevoked } from '../../protocol/isRevoked.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { standingOf } from '../../protocol/standing.ts'
import type { Seconds } from '../../protocol/units.ts'
import type { MarketView } from '../../protocol/views.ts'
import type { Call } from '../commandAction.ts'
import type { CommandResult } from '../commandResult.ts'
import { dataFolderOf } from '../dataFolder.ts'
import { readEndpoint } from '../endpoint.ts'
import { formatEnd } from '../formatEnd.ts'
import { formatTable } from '../formatTable.ts'
import { formatTime } from '../formatTime.ts'
import { shortenHex } from '../formatUnits.ts'
import { openNode, readChainTime } from '../nodeAccess.ts'
import type { Palette } from '../palette.ts'
import { type IssuedCertificate, readIssued } from './issuedLog.ts'
import { formatModel } from './meterModel.ts'
import { requireManufacturer } from './ownManufacturer.ts'

/** What a market thinks of a manufacturer; `endsSeconds` is null where it never trusted it. */
type MarketTrust = { address: Address; isTrusted: boolean; endsSeconds: Seconds | null }

/** The market’s word, and the ends of the standing of meters that it revoked. */
type MarketWord = { trust: MarketTrust; revoked: ReadonlyMap<Address, Seconds> }

function wordOf(market: MarketView, manufacturer: Address, nowSeconds: number): MarketWord {
  const found = market.manufacturers.find((each) => each.manufacturer === manufacturer)
  const endsSeconds = found?.endsSeconds ?? null
  const isTrusted = endsSeconds !== null && endsSeconds > nowSeconds
  const standing = standingOf(market)
  const revoked = market.revokedMeters.filter(({ meter }) => isRevoked(standing, meter))
  return {
    trust: { address: market.address, isTrusted, endsSeconds },
    revoked: new Map(revoked.map(({ meter, endsSeconds: end }) => [meter, end])),
  }
}

/** The market’s word where a node answers; a node that was named must. */
async function askMarket(
  call: Call<object>,
  manufacturer: Address,
): Promise<MarketWord | undefined> {
  const isNamed = call.options.node !== undefined
  const folder = dataFolderOf(call.cli, call.options)
  if (!isNamed && readEndpoint(folder) === undefined) return undefined
  try {
    const access = openNode(call)
    const market = await access.node.market()
    return wordOf(market, manufacturer, await readChainTime(call, access))
  } catch (error) {
    // The list is the manufacturer’s own: it can be read while no node runs.
    if (!isNamed && error instanceof SpbError && error.code === 'node/unreachable') return undefined
    throw error
  }
}

function describeIssued(issued: IssuedCertificate, nowSeconds: number, word?: MarketWord) {
  const { certificate, manufacturer, issuedAtSeconds } = issued
  const { meter, model, notAfterSeconds } = certificate
  const revokedFromSeconds = word?.revoked.get(meter)
  return {
    ...{ meter, model, modelText: formatModel(model), notAfterSeconds },
    isEnded: notAfterSeconds < nowSeconds,
    ...(revokedFromSeconds === undefined ? {} : { revokedFromSeconds }),
    ...{ issuedAtSeconds, manufacturer },
  }
}

type Row = ReturnType<typeof describeIssued>

function standingText(row: Row, manufacturer: Address, nowMs: number, palette: Palette): string {
  const { isEnded, revokedFromSeconds } = row
  const words = [
    ...(isEnded ? [palette.yellow('ended')] : []),
    ...(revokedFromSeconds === undefined
      ? []
      : [palette.red(`revoked from ${formatTime(revokedFromSeconds, nowMs)}`)]),
    ...(row.manufacturer === manufacturer ? [] : [`by the key ${shortenHex(row.manufacturer)}`]),
  ]
  return words.join(', ')
}

function tableOf(rows: readonly Row[], manufacturer: Address, nowMs: number, palette: Palette) {
  if (rows.length === 0) {
    return 'No certificates yet. Issue one: spb manufacturer issue METER --model TEXT'
  }
  return formatTable(
    [{ head: 'meter' }, { head: 'model' }, { head: 'certified until' }, { head: '' }],
    rows.map((row) => [
      row.meter,
      row.modelText === row.model ? shortenHex(row.model) : row.modelText,
      formatTime(row.notAfterSeconds, nowMs),
      standingText(row, manufacturer, nowMs, palette),
    ]),
    palette,
  )
}

function trustText(manufacturer: Address, trust: MarketTrust | undefined, nowMs: number): string {
  if (trust === undefined) return 'No node answers: whether a market trusts it is not known.'
  const { address, isTrusted, endsSeconds } = trust
  if (endsSeconds !== null && isTrusted) {
    return `Market ${address} trusts it ${formatEnd(endsSeconds, nowMs)}.`
  }
  const what =
    endsSeconds === null ? 'does not trust it' : `trusted it ${formatEnd(endsSeconds, nowMs)}`
  const next = `spb committee propose manufacturer ${manufacturer} --out trust.json`
  return `Market ${address} ${what}. Its committee can: ${next}`
}

/** `spb manufacturer list`. Throws `input/option`, `store/failed`, `node/unreachable`. */
export async function listIssued(call: Call<object>): Promise<CommandResult> {
  const { cli, options } = call
  const folder = dataFolderOf(cli, options)
  const { address } = requireManufacturer(folder)
  const { issued, damagedLines } = readIssued(folder)
  const word = await askMarket(call, address)
  const nowSeconds = Math.floor(cli.nowMs() / 1000)
  const rows = issued.map((each) => describeIssued(each, nowSeconds, word)).reverse()
  const lost = `Damaged lines of issued.jsonl, left out: ${damagedLines.join(', ')}`
  return {
    json: {
      ...{ manufacturer: address, market: word?.trust ?? null },
      ...{ certificates: rows, damagedLines },
    },
    text: (palette) =>
      [
        `${palette.bold('Manufacturer')} ${address}`,
        trustText(address, word?.trust, cli.nowMs()),
        tableOf(rows, address, cli.nowMs(), palette),
        ...(damagedLines.length === 0 ? [] : [palette.yellow(lost)]),
      ].join('\n'),
  }
}
