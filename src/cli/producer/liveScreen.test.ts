import { PassThrough } from 'node:stream'
import { describe, expect, it } from 'vitest'
import { createLiveScreen } from './liveScreen.ts'

describe('a live screen', () => {
  it('shows each text in place of the last one, long lines and colours counted', async () => {
    const stream = Object.assign(new PassThrough(), { isTTY: true as const, columns: 10 })
    const screen = createLiveScreen(stream)
    screen.show('one\n\u001b[32mgreen\u001b[39m')
    screen.show('twelve chars')
    screen.show('last')
    expect(stream.read().toString()).toBe(
      'one\n\u001b[32mgreen\u001b[39m\n' +
        '\u001b[2A\u001b[Jtwelve chars\n' +
        '\u001b[2A\u001b[Jlast\n',
    )
  })
})
