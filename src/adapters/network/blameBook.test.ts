import { expect, it } from 'vitest'
import { BlameBook } from './blameBook.ts'
import { trafficLimits } from './trafficLimits.ts'

function blameOften(book: BlameBook, peer: string, times: number): boolean[] {
  return Array.from({ length: times }, () => book.blame(peer))
}

it('refuses a peer with too much blame for a while, and nobody else', () => {
  let nowMs = 0
  const book = new BlameBook(() => nowMs)
  expect(blameOften(book, 'a', trafficLimits.blame - 1)).not.toContain(true)
  expect([book.blame('b'), book.isRefused('a')]).toEqual([false, false])
  expect(book.blame('a')).toBe(true)
  expect([book.isRefused('a'), book.isRefused('b')]).toEqual([true, false])
  nowMs = trafficLimits.refusalMs - 1
  expect(book.isRefused('a')).toBe(true)
  nowMs += 1
  expect(book.isRefused('a')).toBe(false)
})

it('forgives what lies back', () => {
  let nowMs = 0
  const book = new BlameBook(() => nowMs)
  for (let times = 0; times < 100; times += 1) {
    expect(book.blame('a')).toBe(false)
    nowMs += trafficLimits.blameHalfLifeMs / 2
  }
})

it('remembers the refused while a flood of names comes and goes', () => {
  const book = new BlameBook(() => 0)
  blameOften(book, 'bad', trafficLimits.blame)
  for (let at = 0; at < trafficLimits.blamedPeers + 10; at += 1) book.blame(`stranger ${at}`)
  expect(book.isRefused('bad')).toBe(true)
  // The first stranger made room, so it starts anew.
  expect(blameOften(book, 'stranger 0', trafficLimits.blame - 1)).not.toContain(true)
})
