// `npm test`: runs all tests (see runTests.ts) under a Node that is new enough.
import { launch } from './launch.mjs'

await launch(import.meta.url, async (root) => {
  const { runTests } = await import('./runTests.ts')
  return runTests(root, process.argv.slice(2))
})
