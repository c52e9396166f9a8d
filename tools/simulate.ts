import { parseArgs } from 'node:util'
import { plantedBugOf, plantedBugs } from '../src/simulator/world/bugs/plantedBugs.ts'
import { simulateWorld, type WorldReport } from '../src/simulator/world/simulateWorld.ts'

const usage = `npm run sim -- [--seed N] [--seeds COUNT] [--ticks M] [--nodes 1|4|7] [--bug NAME]
              [--log] [--json]

Plays worlds of nodes, households and faults: M seconds in which everything may fail, then a part
in which everything must settle or free. Ends with 1 and the seed where a promise is broken.`

function describe(report: WorldReport, bug: string | undefined): string {
  const { seed, ticks, nodes, broken, trades, certified, paid, digest } = report
  const counts = `${nodes} nodes, ${trades} trades, ${certified} certified, ${paid} paid`
  if (broken === undefined) return `seed ${seed}: ${counts}, ${digest.slice(0, 16)}`
  const planted = bug === undefined ? '' : ` --bug ${bug}`
  const again = `npm run sim -- --seed ${seed} --ticks ${ticks} --nodes ${nodes}${planted} --log`
  return `seed ${seed}: ${broken.promise} is broken: ${broken.text}\n  again: ${again}`
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      seed: { type: 'string', default: '1' },
      seeds: { type: 'string', default: '1' },
      ticks: { type: 'string' },
      nodes: { type: 'string' },
      bug: { type: 'string' },
      log: { type: 'boolean' },
      json: { type: 'boolean' },
      help: { type: 'boolean' },
    },
  })
  if (values.help) {
    console.log(usage)
    return 0
  }
  const [first, count, ticks] = [values.seed, values.seeds, values.ticks ?? 120].map(Number)
  if (![first, count, ticks].every((value) => Number.isSafeInteger(value) && value! >= 0)) {
    console.error(usage)
    return 2
  }
  const bug = values.bug === undefined ? undefined : plantedBugOf(values.bug)
  if (bug === undefined && values.bug !== undefined) {
    console.error(`Bugs that can be planted: ${plantedBugs.map(({ name }) => name).join(', ')}`)
    return 2
  }
  const nodes = values.nodes === undefined ? undefined : Number(values.nodes)
  let failures = 0
  for (let seed = first!; seed < first! + count!; seed++) {
    const report = await simulateWorld({
      ...bug?.world,
      seed,
      ticks: values.ticks === undefined ? (bug?.world?.ticks ?? 120) : ticks!,
      ...(nodes === undefined ? {} : { nodes }),
      ...(bug === undefined ? {} : { bug }),
      ...(values.log ? { onLine: (line: string) => console.error(line) } : {}),
    })
    if (report.broken !== undefined) failures++
    const { tail: _, ...facts } = report
    console.log(values.json ? JSON.stringify(facts) : describe(report, bug?.name))
  }
  return failures === 0 ? 0 : 1
}

process.exitCode = await main()
