import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { ChainOrder, MemberAnswer, MemberOrder } from './committeeMember.ts'

/** The processes of a committee, each with one member, on loopback. */
export type CommitteeProcesses = {
  /** Where databases are; it goes in the end. */
  folder: string
  ask(member: number, order: MemberOrder): Promise<MemberAnswer>
  askAll(makeOrder: (member: number) => MemberOrder): Promise<MemberAnswer[]>
  /** Asks for everyone's status until all are as wanted. */
  until(isWanted: (answer: MemberAnswer) => boolean): Promise<MemberAnswer[]>
  end(): Promise<void>
}

const longestWaitMs = 120_000

/** Starts processes that wait for their orders. */
export function startProcesses(members: number): CommitteeProcesses {
  const folder = mkdtempSync(join(tmpdir(), 'spb-bench-'))
  const script = new URL('./committeeMember.ts', import.meta.url).pathname
  const children: ChildProcess[] = Array.from({ length: members }, () =>
    // Amounts are bigints.
    fork(script, { serialization: 'advanced' }),
  )
  // One listener a child, however many orders it gets.
  const exits = children.map((child) => once(child, 'exit'))
  const deaths = exits.map(async (exit, member): Promise<never> => {
    await exit
    throw new Error(`The process of member ${member} ended.`)
  })
  for (const death of deaths) death.catch(() => {})
  const ask = async (member: number, order: MemberOrder): Promise<MemberAnswer> => {
    const child = children[member]!
    const answer = once(child, 'message') as Promise<[MemberAnswer]>
    child.send(order)
    return (await Promise.race([answer, deaths[member]!]))[0]
  }
  const askAll = (makeOrder: (member: number) => MemberOrder) =>
    Promise.all(children.map((_, member) => ask(member, makeOrder(member))))
  const until = async (isWanted: (answer: MemberAnswer) => boolean) => {
    const endMs = Date.now() + longestWaitMs
    for (;;) {
      const answers = await askAll(() => ({ kind: 'status' }))
      if (answers.every(isWanted)) return answers
      if (Date.now() > endMs) throw new Error(`They are not as wanted: ${JSON.stringify(answers)}`)
      await new Promise((resolve) => setTimeout(resolve, 25))
    }
  }
  const end = async () => {
    await Promise.all(
      children.map(async (child, member) => {
        if (child.connected) child.send({ kind: 'end' } satisfies MemberOrder)
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000)
        await exits[member]
        clearTimeout(timer)
      }),
    )
    rmSync(folder, { recursive: true, force: true })
  }
  return { folder, ask, askAll, until, end }
}

/** Starts a committee beside its chains, and waits until all vote. */
export async function startCommittee(
  members: number,
  chainOf: (member: number) => ChainOrder,
): Promise<CommitteeProcesses> {
  const processes = startProcesses(members)
  const { folder, askAll, until, end } = processes
  try {
    const started = await askAll((member) => {
      const database = join(folder, `member-${member}.db`)
      return { kind: 'start', member, members, database, chain: chainOf(member) }
    })
    const addresses = started.flatMap((answer) => answer.addresses ?? [])
    await askAll((member) => ({ kind: 'connect', addresses: addresses.slice(0, member) }))
    await until(({ isVoting }) => isVoting === true)
  } catch (error) {
    await end()
    throw error
  }
  return processes
}
