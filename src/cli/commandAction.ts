import type { Command } from 'commander'
import type { Cli } from './cli.ts'
import { type CommandResult, ToldFailure, writeResult } from './commandResult.ts'

/** Options that every command takes. */
export type GlobalOptions = {
  data?: string
  /** In the order of asking; absent where none was named. */
  node?: string[]
  chain?: string
  json?: boolean
}

/** One call of a command: its surroundings and options. */
export type Call<Options> = { cli: Cli; options: Options & GlobalOptions }

/** Makes commander's action of a function that returns what the command has to say. */
export function actionOf<Options extends object = object>(
  cli: Cli,
  work: (call: Call<Options>, ...words: string[]) => CommandResult | Promise<CommandResult>,
): (...given: unknown[]) => Promise<void> {
  return async (...given) => {
    // After the arguments come the command's own options, and the command.
    const self = given.at(-1) as Command
    const options = self.optsWithGlobals<Options & GlobalOptions>()
    const result = await work({ cli, options }, ...(given.slice(0, -2) as string[]))
    writeResult(cli, result, options.json === true)
    const { exitCode = 0 } = result
    if (exitCode !== 0) throw new ToldFailure(exitCode)
  }
}

/** Adds examples to a command's help. */
export function addExamples(command: Command, ...examples: readonly string[]): Command {
  const lines = examples.map((example) => `  ${example}`)
  return command.addHelpText('after', ['', 'Examples:', ...lines].join('\n'))
}
