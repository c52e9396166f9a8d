import { SparseTree } from './sparseTree.ts'
import { randomBytes } from 'node:crypto'
const n=1_000_000
const flat=randomBytes(64*n)
function* gen(){const rows=Array.from({length:n},(_,i)=>i);const dv=new DataView(flat.buffer,flat.byteOffset);rows.sort((a,b)=>{for(let w=0;w<32;w+=4){const d=dv.getUint32(64*a+w)-dv.getUint32(64*b+w);if(d)return d}return 0});for(const i of rows)yield [flat.subarray(64*i,64*i+32),flat.subarray(64*i+32,64*i+64)] as const}
const list=[...gen()]
let t0=performance.now();const t=SparseTree.from(list);let t1=performance.now();t.root();console.log('from',t1-t0,'root',performance.now()-t1)
