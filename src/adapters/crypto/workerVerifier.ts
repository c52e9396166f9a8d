import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Verifier } from '../../ports/verifier.ts'
import type { CtpSubmission, VerifiedCtp } from '../../protocol/ctpSubmission.ts'
import type { Market } from '../../protocol/digest.ts'
import { SpbError } from '../../protocol/spbError.ts'
import { createInlineVerifier } from './inlineVerifier.ts'
import type { VerifierAnswer, VerifierFinding, VerifierQuestion } from './verifierWorker.ts'

/** Fewer submissions than this are checked here: the way to a worker costs more than it saves. */
const smallestShare = 8

type Pending = {
  worker: Worker
  submissions: readonly CtpSubmission[]
  resolve: (results: (VerifiedCtp | SpbError)[]) => void
  reject: (error: unknown) => void
}

/** Checks signatures on all cores. A worker that dies fails its questions; it is replaced. */
export function createWorkerVerifier(
  market: Market,
  workerCount = availableParallelism(),
): Verifier {
  const inline = createInlineVerifier(market)
  const pending = new Map<number, Pending>()
  const workers: Worker[] = []
  let nextId = 1
  let isClosed = false

  const failWorker = (worker: Worker, error: unknown) => {
    for (const [id, question] of pending) {
      if (question.worker !== worker) continue
      pending.delete(id)
      question.reject(error)
    }
    const at = workers.indexOf(worker)
    if (at >= 0 && !isClosed) workers[at] = startWorker()
  }

  const startWorker = (): Worker => {
    const worker = new Worker(new URL('./verifierWorker.ts', import.meta.url), {
      workerData: { chainId: market.chainId, address: market.address },
    })
    worker.unref()
    worker.on('message', ({ id, findings }: VerifierAnswer) => {
      const question = pending.get(id)
      pending.delete(id)
      question?.resolve(findings.map((found, at) => revive(found, question.submissions[at]!)))
    })
    worker.on('error', (error) => failWorker(worker, error))
    return worker
  }

  const ask = (worker: Worker, submissions: readonly CtpSubmission[]) =>
    new Promise<(VerifiedCtp | SpbError)[]>((resolve, reject) => {
      const id = nextId++
      pending.set(id, { worker, submissions, resolve, reject })
      worker.postMessage({ id, submissions } satisfies VerifierQuestion)
    })

  return {
    async verify(submissions) {
      if (submissions.length < 2 * smallestShare) return inline.verify(submissions)
      // Started when first needed: a quiet node needs none.
      while (workers.length < workerCount) workers.push(startWorker())
      const share = Math.max(smallestShare, Math.ceil(submissions.length / workers.length))
      const shares: Promise<(VerifiedCtp | SpbError)[]>[] = []
      for (let from = 0; from < submissions.length; from += share) {
        const worker = workers[shares.length % workers.length]!
        shares.push(ask(worker, submissions.slice(from, from + share)))
      }
      return (await Promise.all(shares)).flat()
    },
    async close() {
      isClosed = true
      await Promise.all(workers.map((worker) => worker.terminate()))
    },
  }
}

function revive(finding: VerifierFinding, submission: CtpSubmission): VerifiedCtp | SpbError {
  if ('code' in finding) {
    const { code, message, hint, meta } = finding
    return new SpbError(code, message, { hint, meta })
  }
  const { ctp, consumerSignature } = submission
  return { ctp, consumerSignature, ...finding, submission }
}
