import { describe, expect, it } from 'vitest'
import {
  formatTotals,
  judgeChecker,
  judgeForge,
  judgeVitest,
  type RunEnd,
  sumVerdicts,
} from '../../tools/testReport.ts'

const endWith = (exitCode: number | null, output = ''): RunEnd => ({ exitCode, output })

const forgePassing = `
Ran 3 tests for contracts/test/A.t.sol:ATest
[PASS] testFuzz_f(uint256) (runs: 256, μ: 186, ~: 186)
[PASS] test_ok() (gas: 3153)
[SKIP: needs rain] test_skip() (gas: 0)
Suite result: ok. 2 passed; 0 failed; 1 skipped; finished in 304.13µs (111.20µs CPU time)

Ran 1 test suite in 3.34ms (492.70µs CPU time): 2 tests passed, 0 failed, 1 skipped (3 total tests)
`

const forgeFailing = `
Ran 2 tests for contracts/test/A.t.sol:ATest
[FAIL: boom; counterexample: calldata=0x24 args=[77]] testFuzz_f(uint256) (runs: 3)
[PASS] test_ok() (gas: 3153)
Suite result: FAILED. 1 passed; 1 failed; 0 skipped; finished in 304.13µs (111.20µs CPU time)

Ran 1 test for contracts/test/A.t.sol:BTest
[FAIL: su] setUp() (gas: 0)
Suite result: FAILED. 0 passed; 1 failed; 0 skipped; finished in 29.14µs (0.00ns CPU time)

Ran 2 test suites in 3.34ms (492.70µs CPU time): 1 tests passed, 2 failed, 0 skipped (3 total tests)

Failing tests:
Encountered 1 failing test in contracts/test/A.t.sol:BTest
[FAIL: su] setUp() (gas: 0)
`

const vitestReport = (files: object[]): string => JSON.stringify({ testResults: files })
const vitestFile = (status: string, statuses: string[], message = '') => ({
  name: 'a.test.ts',
  status,
  message,
  assertionResults: statuses.map((each) => ({ status: each, fullName: `test that ${each}` })),
})

describe('a checker with one verdict', () => {
  const proof = /Checked [1-9]/

  it('is one test that passes', () => {
    const verdict = judgeChecker(endWith(0, 'Checked 25 files'), proof)
    expect(verdict).toEqual({ passed: 1, failed: 0, skipped: [], problems: [] })
  })

  it.each([
    ['fails', endWith(1, 'Checked 25 files')],
    ['checks nothing', endWith(0, 'Checked 0 files')],
    ['is stopped', endWith(null, 'Checked 25 files')],
  ])('is one test that fails when it %s', (_, end) => {
    expect(judgeChecker(end, proof)).toMatchObject({ passed: 0, failed: 1 })
  })

  it('tells why it did not start', () => {
    const end = { exitCode: null, cause: 'did not start: ENOENT', output: '' }
    expect(judgeChecker(end, proof).problems).toEqual([
      'the check did not pass; the runner did not start: ENOENT',
    ])
  })
})

describe('forge', () => {
  it('counts what passed and names what was skipped', () => {
    expect(judgeForge(endWith(0, forgePassing))).toEqual({
      passed: 2,
      failed: 0,
      skipped: ['contracts/test/A.t.sol:ATest test_skip(): needs rain'],
      problems: [],
    })
  })

  it('counts each failing test and set-up once, though forge prints some twice', () => {
    expect(judgeForge(endWith(1, forgeFailing))).toEqual({
      passed: 1,
      failed: 2,
      skipped: [],
      problems: [
        'contracts/test/A.t.sol:ATest testFuzz_f(uint256): ' +
          'boom; counterexample: calldata=0x24 args=[77]',
        'contracts/test/A.t.sol:BTest setUp(): su',
      ],
    })
  })

  it('counts a failure whose reason has several lines by what its suite says', () => {
    const output = forgeFailing.replace('[FAIL: su] setUp()', '[FAIL: a\nb] setUp()')
    expect(judgeForge(endWith(1, output))).toMatchObject({ passed: 1, failed: 2 })
  })

  it('fails when gas snapshots differ, which leaves no failing test', () => {
    const output = `${forgePassing.split('Suite')[0]}\nError: Snapshots differ from previous run\n`
    const verdict = judgeForge(endWith(1, output))
    expect(verdict).toMatchObject({ passed: 2, failed: 1 })
    expect(verdict.problems[0]).toContain('gas snapshots differ')
  })

  it.each([
    ['crashes after passing tests', endWith(134, forgePassing)],
    ['is stopped after passing tests', endWith(null, forgePassing)],
    ['does not compile', endWith(1, 'Error: Compiler run failed:')],
    ['finds no test', endWith(0, 'Nothing to compile')],
    ['prints nothing', endWith(0)],
  ])('fails when it %s', (_, end) => {
    expect(judgeForge(end)).toMatchObject({ failed: 1 })
  })

  it('fails when it ends well although tests failed', () => {
    expect(judgeForge(endWith(0, forgeFailing)).failed).toBeGreaterThan(1)
  })

  it('fails when all its tests were skipped', () => {
    const output = forgePassing.replace(/\[PASS\].*\n/g, '').replace('2 passed', '0 passed')
    expect(judgeForge(endWith(0, output))).toMatchObject({ passed: 0, failed: 1 })
  })
})

describe('vitest', () => {
  it('counts what passed and names what was skipped', () => {
    const json = vitestReport([vitestFile('passed', ['passed', 'passed', 'skipped', 'todo'])])
    expect(judgeVitest(endWith(0), json)).toEqual({
      passed: 2,
      failed: 0,
      skipped: ['a.test.ts test that skipped', 'a.test.ts test that todo'],
      problems: [],
    })
  })

  it('names each failing test', () => {
    const json = vitestReport([vitestFile('failed', ['passed', 'failed', 'failed'])])
    const verdict = judgeVitest(endWith(1), json)
    expect(verdict).toMatchObject({ passed: 1, failed: 2 })
    expect(verdict.problems).toContain('a.test.ts test that failed')
  })

  it.each([
    ['a file does not load', endWith(1), [vitestFile('failed', [], 'Cannot find module')]],
    ['a hook throws', endWith(1), [vitestFile('failed', ['skipped'])]],
    ['an error has no test', endWith(1), [vitestFile('passed', ['passed'])]],
    ['it is stopped at the end', endWith(null), [vitestFile('passed', ['passed'])]],
    ['no file has a test', endWith(0), [vitestFile('passed', [])]],
    ['there is no file', endWith(0), []],
  ])('fails when %s', (_, end, files) => {
    expect(judgeVitest(end, vitestReport(files))).toMatchObject({ failed: 1 })
  })

  it.each([
    ['is missing', undefined],
    ['is empty', ''],
    ['is cut off', '{"testResults": ['],
    ['is of another shape', '{"tests": 3}'],
  ])('fails when the report %s', (_, json) => {
    expect(judgeVitest(endWith(0), json)).toMatchObject({ passed: 0, failed: 1 })
  })
})

describe('the totals', () => {
  it('add passes, failures and skipped tests up', () => {
    const total = sumVerdicts([
      judgeForge(endWith(0, forgePassing)),
      judgeForge(endWith(1, forgeFailing)),
      judgeVitest(endWith(0), undefined),
    ])
    expect(formatTotals(total)).toBe('3 passed, 3 failed, 1 skipped')
    expect(total.problems).toHaveLength(3)
  })

  it('say nothing of skipped tests where there are none', () => {
    expect(formatTotals(judgeChecker(endWith(0, 'x'), /x/))).toBe('1 passed, 0 failed')
  })

  it('are a failure when nothing ran', () => {
    expect(formatTotals(sumVerdicts([]))).toBe('0 passed, 1 failed')
  })
})
