// A tree: collected from blocks, and made anew of its entries.

import { DAG_CBOR, cidOf, compare, equal, priorities } from './bytes.js'
import { cuts } from './cut.js'
import { BLOB, bytesOf, decode, encodeInner, encodeLeaf, weightOf } from './node.js'
import { entryOf, readBlob } from './value.js'

// collect returns the entries below a root. Values out of line are read, and the
// entry made again of their bytes.
export function collect (blocks, root) {
  const entries = []
  const nodes = []
  const visit = (cid, level) => {
    const node = decode(blocks.get(cid))
    if (level !== undefined && node.level !== level) throw new Error(`node ${cid} is of level ${node.level}, not ${level}`)
    nodes[node.level] = (nodes[node.level] ?? 0) + 1
    const sums = { first: node.items[0]?.key, count: 0, bytes: 0 }
    for (const item of node.items) {
      if (node.level > 0) {
        const below = visit(item.cid, node.level - 1)
        if (!equal(below.first, item.key) || below.count !== item.count || below.bytes !== item.bytes) {
          throw new Error(`node ${item.cid} is not what its parent says`)
        }
        sums.count += item.count
        sums.bytes += item.bytes
        continue
      }
      const last = entries[entries.length - 1]
      if (last !== undefined && compare(last.key, item.key) >= 0) throw new Error('keys do not ascend')
      entries.push(item.kind === BLOB ? entryOf(item.key, readBlob(blocks, item.cid, item.size)) : item)
      sums.count++
      sums.bytes += bytesOf(item)
    }
    return sums
  }
  visit(root)
  return { entries, nodes }
}

// build returns what the tree of some ascending entries has to be.
export async function build (entries) {
  const nodes = []
  let items = entries
  for (let level = 0; ; level++) {
    const { p1, p2 } = await priorities(level)
    const weigh = level === 0 ? weightOf.entry : weightOf.child
    const starts = cuts(items.map(weigh), BigUint64Array.from(items, (x) => p1(x.key)), p2)
    if (starts.length === 0) starts.push(0) // the empty tree
    const above = starts.map((from, i) => {
      const run = items.slice(from, starts[i + 1])
      return {
        key: run[0]?.key,
        cid: cidOf(DAG_CBOR, level === 0 ? encodeLeaf(run) : encodeInner(level, run)),
        count: run.reduce((n, x) => n + (x.count ?? 1), 0),
        bytes: run.reduce((n, x) => n + (x.bytes ?? bytesOf(x)), 0)
      }
    })
    nodes.push(above.length)
    if (above.length === 1) return { root: above[0].cid, height: level + 1, count: above[0].count, bytes: above[0].bytes, nodes }
    items = above
  }
}
