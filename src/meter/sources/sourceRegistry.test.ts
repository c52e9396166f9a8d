import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SpbError } from '../../protocol/spbError.ts'
import { ManualEnvironment } from './recordingListener.cases.ts'
import { openSource, sourceKindNames } from './sourceRegistry.ts'

function refusalOf(spec: string): SpbError {
  try {
    openSource(spec, new ManualEnvironment('/nowhere'))
  } catch (error) {
    if (error instanceof SpbError) return error
    throw error
  }
  throw new Error(`${spec} was not refused`)
}

const codeOf = (spec: string) => refusalOf(spec).code

describe('openSource', () => {
  it('lists its kinds', () => {
    expect(sourceKindNames).toEqual(['csv', 'p1', 'sunspec', 'mqtt', 'mqtts'])
  })

  it.each([
    ['p1:tcp://10.0.0.5:23', 'p1:tcp://10.0.0.5:23'],
    ['p1:tcp://[::1]:23', 'p1:tcp://[::1]:23'],
    ['p1:/dev/spb-no-such-tty?baud=9600&format=7E1', 'p1:/dev/spb-no-such-tty'],
    ['sunspec://inverter.lan', 'sunspec://inverter.lan:502?unit=1'],
    ['sunspec://a:5020/?unit=3&every=1m&model=213', 'sunspec://a:5020?unit=3'],
    ['mqtt://b/x/y?import=$&unit=Wh', 'mqtt://b:1883/x/y'],
    ['mqtts://u:secret@b/x%20y?import=$&unit=Wh', 'mqtts://b:8883/x y'],
  ])('opens %s', (spec, name) => {
    expect(openSource(spec, new ManualEnvironment()).name).toBe(name)
  })

  it.each(['', 'x', 'P1:x', 'http://a', 'constructor:x', '://', 'usb:1'])(
    'refuses the kind of %j',
    (spec) => {
      expect(codeOf(spec)).toBe('source/unknown-kind')
    },
  )

  it.each([
    ['p1:', 'no P1 port'],
    ['p1:tcp://a', 'where to connect'],
    ['p1:tcp://a:0', 'where to connect'],
    ['p1:tcp://a:70000', 'where to connect'],
    ['p1:tcp://a b:1', 'where to connect'],
    ['p1:tcp://a:1?baud=9600', 'no option baud'],
    ['p1:/dev/spb-none?format=9X9', 'format'],
    ['p1:/dev/spb-none?baud=12', 'baud'],
    ['p1:/dev/spb-none?speed=1', 'no option speed'],
    ['csv:', 'no file'],
    ['csv:f?unit=kWh', 'column is missing'],
    ['csv:f?column=a', 'unit is missing'],
    ['csv:f?column=a&unit=GWh', 'unit'],
    ['csv:f?column=a&unit=W', 'power'],
    ['csv:f?column=a&unit=W&kind=both', 'kind'],
    ['csv:f?column=a&unit=Wh&speed=0', 'speed'],
    ['csv:f?column=a&unit=Wh&speed=fast', 'speed'],
    ['csv:f%2?column=a&unit=Wh', 'digits'],
    ['csv:f%00?column=a&unit=Wh', 'control'],
    ['csv:f?column', 'name=value'],
    ['csv:f?Column=a', 'name=value'],
    ['csv:f?column=a&column=b', 'twice'],
    ['csv:f?colour=a', 'no option colour'],
    ['sunspec:a', 'where the device'],
    ['sunspec://', 'where to connect'],
    ['sunspec://a?unit=256', 'unit'],
    ['sunspec://a?unit=-1', 'unit'],
    ['sunspec://a?model=160', 'model'],
    ['sunspec://a?every=2h', 'every'],
    ['mqtt://b?import=$&unit=Wh', 'broker and topic'],
    ['mqtt:///t?import=$&unit=Wh', 'broker and topic'],
    ['mqtt://b/+/t?import=$&unit=Wh', 'wildcard'],
    ['mqtt://b/t/%23?import=$&unit=Wh', 'wildcard'],
    ['mqtt://b/t?unit=Wh', 'import is missing'],
    ['mqtt://b/t?import=$', 'unit is missing'],
    ['mqtt://b/t?import=$&unit=W', 'unit'],
    ['mqtt://b/t?import=a.b&unit=Wh', 'path'],
    ['mqtt://b/t?import=$&unit=Wh&ca=f', 'mqtts'],
    [`p1:${'a'.repeat(2048)}`, '2048 characters'],
  ])('refuses %s', (spec, part) => {
    const error = refusalOf(spec)
    expect(error.code).toBe('source/option')
    expect(error.message).toContain(part)
  })

  it('refuses files that are not there, and durations and zones that are none', () => {
    expect(codeOf('p1:none.txt')).toBe('file/unreadable')
    expect(codeOf('p1:/')).toBe('file/unreadable')
    expect(codeOf('csv:none.csv?column=a&unit=Wh')).toBe('file/unreadable')
    expect(codeOf('mqtts://b/t?import=$&unit=Wh&ca=none.pem')).toBe('file/unreadable')
    expect(codeOf('sunspec://a?every=often')).toBe('input/duration')
    expect(codeOf('mqtt://b/t?import=$&unit=Wh&zone=Nowhere/City')).toBe('profile/time')
  })

  it.each([
    'mqtt://user:hidden@b:none/t?import=$&unit=Wh',
    'mqtt://user:hidden/b@b/t?import=$&unit=Wh',
    'mqtt://user:12/hidden@b/t?import=$&unit=Wh',
    'mqtt://user:12?hidden@b/t?import=$&unit=Wh',
    'mqtt://user:hidden%@b/t?import=$&unit=Wh',
    'mqtt://user:hidden@b/#?import=$&unit=Wh',
    'mqtt://user:hidden@b/t?colour=$',
    'mqtt:user:hidden@b/t',
    'user:hidden@b/t',
  ])('never repeats the password of %s', (spec) => {
    const error = refusalOf(spec)
    expect(JSON.stringify([error, error.stack, String(error.cause)])).not.toContain('hidden')
  })
})

describe('docs/sources.md', () => {
  const page = readFileSync(join(import.meta.dirname, '../../../docs/sources.md'), 'utf8')
  const examples = [...page.matchAll(/(?:^|[`'])((?:p1:tcp|sunspec|mqtts?):\/\/[^\s`]+?)['`]?$/gm)]
    .concat([...page.matchAll(/`((?:sunspec|mqtts?):\/\/[^\s`]+)`/g)])
    .map(([, example = '']) => example)
    .filter((example) => /[?/]./.test(example) && !/HOST|PATH/.test(example))

  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(8)
  })

  it.each(examples)('says how to open %s', (example) => {
    expect(openSource(example, new ManualEnvironment()).name).toBeTruthy()
  })
})
