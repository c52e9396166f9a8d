import { describe, expect, it } from 'vitest'
import { errorTable } from './errorTable.ts'
import { assert, SpbError } from './spbError.ts'

describe('SpbError', () => {
  it('takes sentence and hint from the table', () => {
    const error = new SpbError('ctp/self-trade')
    expect(error).toBeInstanceOf(Error)
    expect(error.name).toBe('SpbError')
    expect(error.message).toBe(errorTable['ctp/self-trade'].message)
    expect(error.hint).toBe(errorTable['ctp/self-trade'].hint)
    expect(error.meta).toEqual({})
    expect('cause' in error).toBe(false)
  })

  it('prefers what is given where it is thrown', () => {
    const cause = new Error('socket closed')
    const options = { hint: 'Do this.', meta: { port: 1 }, cause }
    const error = new SpbError('chain/unreachable', 'No answer.', options)
    expect(error).toMatchObject({ message: 'No answer.', hint: 'Do this.', meta: { port: 1 } })
    expect(error.cause).toBe(cause)
  })

  it('says whether the same request may succeed later', () => {
    expect(new SpbError('chain/unreachable').isRetryable).toBe(true)
    expect(new SpbError('ctp/nonce-skipped').isRetryable).toBe(true)
    expect(new SpbError('ctp/nonce-reused').isRetryable).toBe(false)
  })

  it('becomes JSON without stack and cause', () => {
    const error = new SpbError('erc/zero', undefined, { meta: { a: null }, cause: 'secret' })
    expect(JSON.parse(JSON.stringify(error))).toEqual({
      code: 'erc/zero',
      message: errorTable['erc/zero'].message,
      hint: errorTable['erc/zero'].hint,
      meta: { a: null },
    })
  })
})

describe('assert', () => {
  it('lets what is true pass and crashes on the rest, with no SpbError', () => {
    assert(1, 'one')
    let thrown: unknown
    try {
      assert(0, 'zero is one')
    } catch (error) {
      thrown = error
    }
    expect(thrown).toEqual(new Error('Invariant broken: zero is one'))
    expect(thrown).not.toBeInstanceOf(SpbError)
  })
})
