import type { WitnessRelayAccess } from '../ports/witnessRelay.ts'
import { type RandomBytes, sealRequest } from '../protocol/sealedBox.ts'
import { SpbError } from '../protocol/spbError.ts'
import type { WitnessPost } from '../protocol/witnessPost.ts'
import { decodeWitnessAnswer, encodeCoeRequest } from './coeRequestCodec.ts'
import type { Pause } from './pause.ts'
import type { Witness } from './witness.ts'

/** How a witness behind a node is asked. */
export type RelayedWitnessOptions = {
  randomBytes: RandomBytes
  pause: Pause
  /** Longest wait for an answer. */
  answerMs: number
  /** Told when the witness itself answered, whatever it said: the node did its part. */
  onAnswer?: () => void
}

/** What a node says of itself, of a witness, or of what it was sent. */
const nodePrefixes = ['node/', 'witness/', 'input/', 'meter/witness-'] as const

/** True for a failure of a node, or of a witness behind it. */
export function isNodeFailure({ code }: SpbError): boolean {
  return nodePrefixes.some((prefix) => code.startsWith(prefix))
}

/**
 * Runs a node's part. Whatever it answers, its failure is its own: other codes, which would pass
 * for a trouble of the meter's, become `node/bad-answer`.
 */
export async function askNode<Answer>(work: () => Promise<Answer>): Promise<Answer> {
  try {
    return await work()
  } catch (cause) {
    if (!(cause instanceof SpbError) || isNodeFailure(cause)) throw cause
    throw new SpbError('node/bad-answer', 'The node’s refusal is none of its own.', { cause })
  }
}

/** Waits for an answer for so long. Throws `meter/witness-silent`. */
async function askInTime<Answer>(
  ask: (signal: AbortSignal) => Promise<Answer>,
  { pause, answerMs }: RelayedWitnessOptions,
): Promise<Answer> {
  const ending = new AbortController()
  const late = pause(answerMs, ending.signal).then(() => {
    throw new SpbError('meter/witness-silent')
  })
  // Once there is an answer nobody looks at either of them any more.
  late.catch(() => undefined)
  const answer = ask(ending.signal)
  answer.catch(() => undefined)
  try {
    return await Promise.race([answer, late])
  } finally {
    ending.abort()
  }
}

/**
 * A witness that is reached through a node, which learns neither what is asked nor by whom.
 *
 * Asking throws its refusal's code, `meter/witness-silent`, `witness/box-invalid` and `input/*`
 * for an answer that is not understood, and what the node refuses with.
 */
export function createRelayedWitness(
  post: WitnessPost,
  relay: WitnessRelayAccess,
  options: RelayedWitnessOptions,
): Witness {
  const { certificate, manufacturerSignature, sealingKey } = post
  const to = { witness: certificate.meter, sealingKey }
  return {
    signedCertificate: { certificate, manufacturerSignature },
    async certify(request) {
      const sent = sealRequest(encodeCoeRequest(request), to, options.randomBytes)
      const sealed = { witness: certificate.meter, box: sent.box }
      const ask = (signal: AbortSignal) => askNode(() => relay.ask(sealed, signal))
      const content = sent.openAnswer(await askInTime(ask, options))
      options.onAnswer?.()
      const answer = decodeWitnessAnswer(content)
      if (answer.kind === 'refused') throw new SpbError(answer.code)
      return answer.signed
    },
  }
}
