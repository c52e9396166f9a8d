import { processCli } from './cli.ts'
import { runProgram } from './program.ts'

// Whoever reads our output may have had enough of it, as `head` does.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}

const exitCode = await runProgram(processCli(), process.argv.slice(2))
// A command may have set a code of its own.
if (exitCode !== 0) process.exitCode = exitCode
