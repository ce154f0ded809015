// FORMAT.md, section 2: values out of line.

import { readFileSync } from 'node:fs'
import * as dagCBOR from '@ipld/dag-cbor'
import { DAG_CBOR, RAW, cidOf, join } from './bytes.js'
import { BLOB, INLINE, LINK, fitsInline } from './node.js'

const MAX_BLOB = 1 << 20
const MAX_CHUNKS = 8192
const MIN = 131072
const MAX = 524288
const WINDOW = 32
const TABLE = Uint32Array.from(JSON.parse(readFileSync(new URL('../buzhash.json', import.meta.url)))[0].table)

const rotl = (h) => (h << 1) | (h >>> 31)

// the lengths of the chunks of a long value
export function chunkLengths (d) {
  const out = []
  for (let from = 0; from < d.length;) {
    const left = d.length - from
    let end = Math.min(left, MIN)
    if (left > MIN) {
      let h = 0
      for (let i = MIN - WINDOW; i < MIN; i++) h = rotl(h) ^ TABLE[d[from + i]]
      for (const most = Math.min(left, MAX); end < most && (h & 0x1ffff) !== 0; end++) {
        h = rotl(h) ^ TABLE[d[from + end - WINDOW]] ^ TABLE[d[from + end]]
      }
    }
    out.push(end)
    from += end
  }
  return out
}

// the CID of the root block of a value
export function blobCID (value) {
  if (value.length <= MAX_BLOB) return cidOf(RAW, value)
  let at = 0
  let row = chunkLengths(value).map((size) => ({ size, cid: cidOf(RAW, value.subarray(at, at += size)) }))
  while (row.length > 1) {
    const above = []
    for (let i = 0; i < row.length; i += MAX_CHUNKS) {
      const part = row.slice(i, i + MAX_CHUNKS)
      const size = part.reduce((n, x) => n + x.size, 0)
      const list = () => dagCBOR.encode([size, part.map((x) => x.size), part.map((x) => x.cid)])
      above.push(part.length > 1 ? { size, cid: cidOf(DAG_CBOR, list()) } : part[0])
    }
    row = above
  }
  return row[0].cid
}

// the bytes of a value from its blocks
export function readBlob (blocks, cid, size) {
  const block = blocks.get(cid)
  if (cid.code === RAW) {
    if (block.length !== size) throw new Error(`block ${cid} has ${block.length} bytes where ${size} are named`)
    return block
  }
  const [total, lengths, links] = dagCBOR.decode(block)
  if (total !== size) throw new Error(`list ${cid} holds ${total} bytes where ${size} are named`)
  return join(links.map((x, i) => readBlob(blocks, x, lengths[i])))
}

// the entry that a leaf keeps for a key and a value's bytes, or a link
export function entryOf (key, value, link) {
  if (link !== undefined) return { key, kind: LINK, cid: link }
  if (fitsInline(key, value)) return { key, kind: INLINE, value }
  return { key, kind: BLOB, size: value.length, cid: blobCID(value) }
}
