// Reads a CAR file, collects the entries of its tree, makes the tree anew of
// nothing but these, and compares the roots:
//
//     npm ci
//     node verify.js FILE.car …
//
// It prints a line of JSON for each file. The exit status is 0; 1 when a root is
// another; 2 when a file is unreadable or its blocks are not what they should be.

import * as dagCBOR from '@ipld/dag-cbor'
import { DAG_CBOR } from './bytes.js'
import { readCAR } from './car.js'
import { build, collect } from './tree.js'

// the root of a tree, or of the tree of a commit
function treeOf (car) {
  if (car.root.code !== DAG_CBOR) throw new Error('the root is neither a node nor a commit')
  const block = dagCBOR.decode(car.get(car.root))
  return Array.isArray(block) ? car.root : block.root
}

async function verify (file) {
  const car = await readCAR(file)
  const root = treeOf(car)
  const { entries, nodes } = collect(car, root)
  const again = await build(entries)
  return {
    file,
    blocks: car.size,
    root: root.toString(),
    rebuilt: again.root.toString(),
    entries: entries.length,
    bytes: again.bytes,
    nodes,
    same: root.equals(again.root)
  }
}

for (const file of process.argv.slice(2)) {
  try {
    const result = await verify(file)
    console.log(JSON.stringify(result))
    if (!result.same && !process.exitCode) process.exitCode = 1
  } catch (err) {
    console.error(`${file}: ${err.message}`)
    process.exitCode = 2
  }
}
