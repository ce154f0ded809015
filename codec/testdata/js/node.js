// FORMAT.md, section 4: a node's bytes, both ways.

import * as dagCBOR from '@ipld/dag-cbor'
import { CID } from 'multiformats/cid'
import { compare, join } from './bytes.js'
import { S } from './cut.js'

export const INLINE = 0
export const BLOB = 1
export const LINK = 2

export const fitsInline = (key, value) => 4 + key.length + value.length <= S

// An entry is { key, kind, value (INLINE), size (BLOB), cid (BLOB and LINK) },
// a child { key, cid, count, bytes }.

export const weightOf = {
  entry: (e) => 4 + e.key.length + (e.kind === INLINE ? e.value.length : 5 + e.cid.bytes.length),
  child: (c) => 45 + c.key.length
}

export const bytesOf = (e) => e.key.length + (e.kind === INLINE ? e.value.length : e.kind === BLOB ? e.size : e.cid.bytes.length)

function commonPrefix (items) {
  if (items.length === 0) return new Uint8Array(0)
  const a = items[0].key
  const b = items[items.length - 1].key // ascending: what these two share all do
  let n = 0
  while (n < a.length && n < b.length && a[n] === b[n]) n++
  return a.subarray(0, n)
}

function ends (parts) {
  const out = Buffer.alloc(2 * parts.length)
  let at = 0
  parts.forEach((p, i) => { at += p.length; out.writeUInt16LE(at, 2 * i) })
  return new Uint8Array(out)
}

function leb128 (n) {
  const out = []
  for (; n >= 128; n = Math.floor(n / 128)) out.push(n % 128 + 128)
  return Uint8Array.from([...out, n])
}

function keyFields (items) {
  const prefix = commonPrefix(items)
  const suffixes = items.map((x) => x.key.subarray(prefix.length))
  return [prefix, ends(suffixes), join(suffixes)]
}

export function encodeLeaf (entries) {
  const values = entries.map((e) => e.kind === INLINE ? e.value : e.kind === BLOB ? leb128(e.size) : new Uint8Array(0))
  const outside = entries.filter((e) => e.kind !== INLINE)
  const kinds = Uint8Array.from(outside.length > 0 ? entries.map((e) => e.kind) : [])
  return dagCBOR.encode([1, 0, ...keyFields(entries), kinds, ends(values), join(values), outside.map((e) => e.cid)])
}

export function encodeInner (level, children) {
  const stats = Buffer.alloc(12 * children.length)
  children.forEach((c, i) => {
    stats.writeUIntLE(c.count, 12 * i, 6)
    stats.writeUIntLE(c.bytes, 12 * i + 6, 6)
  })
  return dagCBOR.encode([1, level, ...keyFields(children), new Uint8Array(stats), children.map((c) => c.cid)])
}

// decode returns { level, items } of a node.
export function decode (block) {
  const node = dagCBOR.decode(block)
  if (!Array.isArray(node) || node[0] !== 1) throw new Error('not a node of version 1')
  const [, level, prefix, keyEnds, keys] = node
  if (node.length !== (level === 0 ? 9 : 7)) throw new Error('another number of fields')
  const at = (table, data, i) => data.subarray(i > 0 ? u16(table, i - 1) : 0, u16(table, i))
  const n = keyEnds.length / 2
  const items = []
  for (let i = 0; i < n; i++) {
    const key = join([prefix, at(keyEnds, keys, i)])
    if (i > 0 && compare(items[i - 1].key, key) >= 0) throw new Error('keys do not ascend')
    items.push({ key })
  }
  if (level === 0) leafValues(items, node.slice(5), at)
  else innerStats(items, node[5], node[6])
  return { level, items }
}

const u16 = (table, i) => table[2 * i] + 256 * table[2 * i + 1]

function leafValues (items, [kinds, valEnds, vals, links], at) {
  let next = 0
  items.forEach((e, i) => {
    e.kind = kinds.length > 0 ? kinds[i] : INLINE
    const v = at(valEnds, vals, i)
    if (e.kind === INLINE) {
      e.value = v
    } else {
      e.cid = CID.asCID(links[next++])
      if (e.kind === BLOB) e.size = v.reduceRight((n, b) => n * 128 + b % 128, 0)
    }
  })
}

function innerStats (items, stats, links) {
  const s = Buffer.from(stats)
  items.forEach((c, i) => {
    c.cid = CID.asCID(links[i])
    c.count = s.readUIntLE(12 * i, 6)
    c.bytes = s.readUIntLE(12 * i + 6, 6)
  })
}
