/** What one folder of src/ may use. */
export type LayerRow = {
  mayImport: readonly string[]
  /** Real time, randomness, sockets and files come through ports only. */
  isDeterministic?: true
  /** Runs in a browser: nothing of Node. */
  isBrowserSafe?: true
}

const core = ['protocol', 'ports', 'ledger', 'backbone', 'node']

/** The folders of src/ from the bottom up: each may import what its row lists, and itself. */
export const layerTable: Record<string, LayerRow> = {
  protocol: { mayImport: [], isDeterministic: true, isBrowserSafe: true },
  abi: { mayImport: [], isBrowserSafe: true },
  ports: { mayImport: ['protocol'], isDeterministic: true },
  ledger: { mayImport: ['protocol', 'ports'], isDeterministic: true },
  backbone: { mayImport: ['protocol', 'ports', 'ledger'], isDeterministic: true },
  node: { mayImport: ['protocol', 'ports', 'ledger', 'backbone'], isDeterministic: true },
  adapters: { mayImport: ['protocol', 'ports', 'abi'] },
  api: { mayImport: [...core, 'abi'] },
  meter: { mayImport: ['protocol', 'ports'] },
  sdk: { mayImport: ['protocol', 'abi'], isBrowserSafe: true },
  baseline: { mayImport: ['protocol', 'ports', 'abi', 'sdk'] },
  simulator: { mayImport: [...core, 'abi', 'meter'] },
  cli: {
    mayImport: [...core, 'abi', 'adapters', 'api', 'meter', 'sdk', 'baseline', 'simulator'],
  },
}

/** Files whose row differs from their folder's. */
export const fileTable: Record<string, LayerRow> = {
  // The one place that builds adapters for a node.
  'src/node/compose.ts': { mayImport: [...core, 'abi', 'adapters'] },
}

/** Single files that a layer may import from a layer that is otherwise closed to it. */
export const openFiles: readonly { importer: string; path: RegExp }[] = [
  // The simulator runs the production code over the adapters' twins in memory.
  { importer: 'simulator', path: /^src\/adapters\/.*memory/i },
]

/** What a deterministic layer asks a port for instead. */
export const indeterminateNames: readonly string[] = [
  'Date.now',
  'Math.random',
  'performance.now',
  'crypto.getRandomValues',
  'crypto.randomUUID',
  'process',
  'setTimeout',
  'setInterval',
  'setImmediate',
  'fetch',
  'WebSocket',
]

/** What a browser does not have. */
export const nodeOnlyNames: readonly string[] = [
  'process',
  'Buffer',
  'setImmediate',
  'require',
  '__dirname',
  '__filename',
]
