import { appendFileSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { beforeEach, describe, expect, it } from 'vitest'
import { createManufacturer, issueMeterCertificate } from '../../meter/manufacturer.ts'
import { seconds } from '../../protocol/units.ts'
import { type DataFolder, dataFolderOf } from '../dataFolder.ts'
import { createTestCli } from '../testCli.cases.ts'
import { appendIssued, type IssuedCertificate, issuedLogPath, readIssued } from './issuedLog.ts'
import { encodeModel } from './meterModel.ts'

const refusal = (code: string) => expect.objectContaining({ code })
const maker = createManufacturer(new Uint8Array(32).fill(7))

function issue(digit: number): IssuedCertificate {
  const meter = `0x${String(digit).repeat(40)}` as const
  const certificate = { meter, model: encodeModel('S1'), notAfterSeconds: seconds(2_000_000_000) }
  const signed = issueMeterCertificate(maker, certificate)
  return { ...signed, manufacturer: maker.address, issuedAtSeconds: seconds(1_750_000_000) }
}

const [first, second, third] = [issue(1), issue(2), issue(3)]
let folder: DataFolder

beforeEach(() => {
  folder = dataFolderOf(createTestCli(), {})
})

describe('the log of issued certificates', () => {
  it('keeps each in a line of a file for its owner only', () => {
    expect(readIssued(folder)).toEqual({ issued: [], damagedLines: [] })
    appendIssued(folder, first)
    appendIssued(folder, second)
    expect(readIssued(folder)).toEqual({ issued: [first, second], damagedLines: [] })
    expect(readFileSync(issuedLogPath(folder), 'utf8').match(/\n/g)).toHaveLength(2)
    expect(statSync(issuedLogPath(folder)).mode & 0o777).toBe(0o600)
  })

  it('tolerates and tells a torn last line, at whatever byte, and goes on behind it', () => {
    appendIssued(folder, first)
    const whole = readFileSync(issuedLogPath(folder), 'utf8')
    for (let length = 1; length < whole.length - 1; length += 29) {
      writeFileSync(issuedLogPath(folder), whole + whole.slice(0, length))
      expect(readIssued(folder)).toEqual({ issued: [first], damagedLines: [2] })
      appendIssued(folder, third)
      expect(readIssued(folder)).toEqual({ issued: [first, third], damagedLines: [2] })
    }
  })

  it('takes a last line that lacks its end only', () => {
    appendIssued(folder, first)
    writeFileSync(issuedLogPath(folder), readFileSync(issuedLogPath(folder), 'utf8').trim())
    appendIssued(folder, second)
    expect(readIssued(folder)).toEqual({ issued: [first, second], damagedLines: [] })
  })

  it('counts a changed line as damaged, and shows the others', () => {
    for (const each of [first, second, third]) appendIssued(folder, each)
    const lines = readFileSync(issuedLogPath(folder), 'utf8').split('\n')
    lines[1] = lines[1]!.replace('2000000000', '2000000001')
    writeFileSync(issuedLogPath(folder), lines.join('\n'))
    appendFileSync(issuedLogPath(folder), '\n{}\n')
    expect(readIssued(folder)).toEqual({ issued: [first, third], damagedLines: [2, 5] })
  })

  it('says where it cannot be kept or read', () => {
    mkdirSync(issuedLogPath(folder), { recursive: true })
    expect(() => appendIssued(folder, first)).toThrow(refusal('store/failed'))
    expect(() => readIssued(folder)).toThrow(refusal('store/failed'))
  })
})
