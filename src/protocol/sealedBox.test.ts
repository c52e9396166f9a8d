import { xchacha20poly1305 } from '@noble/ciphers/chacha.js'
import { x25519 } from '@noble/curves/ed25519.js'
import { hkdf } from '@noble/hashes/hkdf.js'
import { sha256 } from '@noble/hashes/sha2.js'
import { describe, expect, it } from 'vitest'
import { seededBytes } from '../../test/support/seededBytes.ts'
import { type Address, bytesToHex, concatBytes, type Hex, hexToBytes } from './bytes.ts'
import {
  answerBytes,
  boxBytes,
  createSealingKeys,
  openRequest,
  requestBytes,
  requestIdOf,
  sealRequest,
} from './sealedBox.ts'

const refused = expect.objectContaining({ code: 'witness/box-invalid' })
const randomBytes = seededBytes('sealed box')
const witness: Address = `0x${'a1'.repeat(20)}`
const otherWitness: Address = `0x${'a2'.repeat(20)}`
const keys = createSealingKeys(randomBytes(32))
const to = { witness, sealingKey: keys.publicKey }
const text = new TextEncoder()
const question = text.encode('who goes there?')
const reply = text.encode('a friend')

function flip(box: Hex, at: number): Hex {
  const bytes = hexToBytes(box)
  bytes[at]! ^= 1
  return bytesToHex(bytes)
}

/** A request made by the words of docs/protocol.md, with whatever padded content. */
function sealByHand(padded: Uint8Array): Hex {
  const secretKey = randomBytes(32)
  const ephemeralKey = x25519.getPublicKey(secretKey)
  const shared = x25519.getSharedSecret(secretKey, hexToBytes(keys.publicKey))
  const parties = concatBytes(ephemeralKey, hexToBytes(keys.publicKey), hexToBytes(witness))
  const info = concatBytes(text.encode('request'), parties)
  const key = hkdf(sha256, shared, text.encode('SPB witness box v1'), info, 32)
  const associatedData = concatBytes(Uint8Array.of(1), hexToBytes(witness), ephemeralKey)
  const nonce = randomBytes(24)
  const sealed = xchacha20poly1305(key, nonce, associatedData).encrypt(padded)
  return bytesToHex(concatBytes(Uint8Array.of(1), ephemeralKey, nonce, sealed))
}

describe('a sealed box', () => {
  it('carries a request and its answer between the two alone', () => {
    const sent = sealRequest(question, to, randomBytes)
    const received = openRequest(sent.box, witness, keys)
    expect(received.content).toEqual(question)
    expect(sent.openAnswer(received.sealAnswer(reply, randomBytes))).toEqual(reply)
  })

  it('has one size, whatever is in it', () => {
    for (const length of [0, 1, requestBytes]) {
      const content = randomBytes(length)
      const { box, openAnswer } = sealRequest(content, to, randomBytes)
      const received = openRequest(box, witness, keys)
      expect(received.content).toEqual(content)
      const answer = received.sealAnswer(content, randomBytes)
      expect(openAnswer(answer)).toEqual(content)
      expect([box, answer].map((each) => hexToBytes(each).length)).toEqual([boxBytes, boxBytes])
    }
    expect([boxBytes, requestBytes, answerBytes]).toEqual([1024, 949, 981])
    const tooMuch = new Uint8Array(requestBytes + 1)
    expect(() => sealRequest(tooMuch, to, randomBytes)).toThrow('Invariant broken')
  })

  it('is named by its one-time key', () => {
    const { box } = sealRequest(question, to, randomBytes)
    expect(requestIdOf(box)).toBe(bytesToHex(hexToBytes(box).subarray(1, 33)))
    expect(requestIdOf(sealRequest(question, to, randomBytes).box)).not.toBe(requestIdOf(box))
  })

  it('is refused where any part of a request was altered', () => {
    const { box } = sealRequest(question, to, randomBytes)
    // Version, one-time key, nonce, content, padding, tag.
    for (const at of [0, 1, 32, 33, 56, 57, 500, 1007, 1008, 1023]) {
      expect(() => openRequest(flip(box, at), witness, keys), `byte ${at}`).toThrow(refused)
    }
  })

  it('is refused where any part of an answer was altered', () => {
    const sent = sealRequest(question, to, randomBytes)
    const answer = openRequest(sent.box, witness, keys).sealAnswer(reply, randomBytes)
    for (const at of [0, 1, 24, 25, 500, 1023]) {
      expect(() => sent.openAnswer(flip(answer, at)), `byte ${at}`).toThrow(refused)
    }
  })

  it('is refused by another key, and under another witness’s name', () => {
    const { box } = sealRequest(question, to, randomBytes)
    const otherKeys = createSealingKeys(randomBytes(32))
    expect(() => openRequest(box, witness, otherKeys)).toThrow(refused)
    expect(() => openRequest(box, otherWitness, keys)).toThrow(refused)
  })

  it('is refused as the answer to another request, and as its own answer', () => {
    const first = sealRequest(question, to, randomBytes)
    const second = sealRequest(question, to, randomBytes)
    const answer = openRequest(first.box, witness, keys).sealAnswer(reply, randomBytes)
    expect(() => second.openAnswer(answer)).toThrow(refused)
    expect(() => first.openAnswer(first.box)).toThrow(refused)
  })

  it('is refused where it is cut or lengthened', () => {
    const { box, openAnswer } = sealRequest(question, to, randomBytes)
    for (const wrong of [box.slice(0, -2) as Hex, `${box}00` as const, '0x' as const]) {
      expect(() => openRequest(wrong, witness, keys)).toThrow(refused)
      expect(() => requestIdOf(wrong)).toThrow(refused)
      expect(() => openAnswer(wrong)).toThrow(refused)
    }
  })

  it('is refused with a key whose secret everybody knows', () => {
    const zero: Hex = `0x${'00'.repeat(32)}`
    // Points of small order: zero, one, and one of order eight (RFC 7748, section 6.1).
    const one: Hex = `0x01${'00'.repeat(31)}`
    const small: Hex = '0xe0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800'
    const { box } = sealRequest(question, to, randomBytes)
    for (const key of [zero, one, small]) {
      expect(() => sealRequest(question, { witness, sealingKey: key }, randomBytes)).toThrow(
        refused,
      )
      const forged = concatBytes(Uint8Array.of(1), hexToBytes(key), hexToBytes(box).subarray(33))
      expect(() => openRequest(bytesToHex(forged), witness, keys)).toThrow(refused)
    }
  })

  it('is made as the protocol’s page says, and filled up with zeros', () => {
    const padded = new Uint8Array(2 + requestBytes)
    padded.set([0, 3, 7, 8, 9])
    const received = openRequest(sealByHand(padded), witness, keys)
    expect(received.content).toEqual(Uint8Array.of(7, 8, 9))
    padded[padded.length - 1] = 1
    expect(() => openRequest(sealByHand(padded), witness, keys)).toThrow(refused)
    padded.set([0xff, 0xff])
    expect(() => openRequest(sealByHand(padded), witness, keys)).toThrow(refused)
  })
})
