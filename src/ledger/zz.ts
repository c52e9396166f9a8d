import { randomBytes } from 'node:crypto'
import { SparseTree } from './sparseTree.ts'

const mk = (n: number) => {
  const b = randomBytes(64 * n)
  const out: [Uint8Array, Uint8Array][] = []
  for (let i = 0; i < n; i++)
    out.push([
      new Uint8Array(b.subarray(64 * i, 64 * i + 32)),
      new Uint8Array(b.subarray(64 * i + 32, 64 * i + 64)),
    ])
  return out
}
const cmp = (a: any, b: any) => Buffer.compare(a[0], b[0])
const measure = (t: SparseTree, e: [Uint8Array, Uint8Array][], label: string) => {
  const d = randomBytes(32)
  const res: number[] = []
  for (let r = 0; r < 5; r++) {
    const N = 20000
    const t0 = performance.now()
    for (let i = 0; i < N; i++) {
      d[i & 31]!++
      t.set(e[(i * 7919) % e.length]![0], d)
      t.root()
    }
    res.push(((performance.now() - t0) / N) * 1000)
  }
  console.log(label, 'update+root µs', res.map((x) => x.toFixed(1)).join(' '))
  const N = 20000
  let t0 = performance.now()
  for (let i = 0; i < N; i++) {
    const k = e[(i * 7919) % e.length]!
    t.delete(k[0])
    t.root()
    t.set(k[0], k[1])
    t.root()
  }
  console.log(label, 'del+root+ins+root µs', (((performance.now() - t0) / N) * 1000).toFixed(1))
  t0 = performance.now()
  for (let i = 0; i < 2000; i++) t.prove(e[(i * 7919) % e.length]![0])
  console.log('prove µs', ((performance.now() - t0) / 2).toFixed(1))
}
for (const n of [1000, 1000, 1_000_000]) {
  const e = mk(n).sort(cmp)
  globalThis.gc?.()
  const m0 = process.memoryUsage()
  let t0 = performance.now()
  const t = SparseTree.from(e)
  const t1 = performance.now()
  const r = t.root()
  const t2 = performance.now()
  globalThis.gc?.()
  const m1 = process.memoryUsage()
  console.log(
    n,
    'from',
    (t1 - t0).toFixed(0),
    'root',
    (t2 - t1).toFixed(0),
    'bytes/leaf',
    ((m1.arrayBuffers - m0.arrayBuffers) / n).toFixed(1),
  )
  measure(t, e, String(n))
  if (n > 1000) {
    t0 = performance.now()
    const u = new SparseTree()
    for (const [k, d] of e) u.set(k, d)
    u.root()
    console.log('set sorted', performance.now() - t0)
    e.sort(() => Math.random() - 0.5)
    t0 = performance.now()
    const v = new SparseTree()
    for (const [k, d] of e) v.set(k, d)
    v.root()
    console.log('set shuffled', performance.now() - t0)
    measure(v, e, 'shuffled')
    t0 = performance.now()
    for (let i = 0; i < 1000; i++) v.set(e[i]![0], randomBytes(32))
    v.root()
    console.log('batch of 1000 + root ms', performance.now() - t0)
  }
}
