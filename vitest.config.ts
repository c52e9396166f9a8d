import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['src/**/*.test.ts', 'test/**/*.test.ts', 'bench/**/*.test.ts'],
    testTimeout: 30_000,
    hookTimeout: 60_000,
    retry: 0,
    // Tests of whole processes mostly wait for blocks: two of them fit on two cores.
    maxWorkers: 2,
    allowOnly: false,
    reporters: ['default'],
  },
})
