// Holds this implementation to the golden vectors beside it:
//
//     node vectors.js [largest number of entries, 10000 when not given]

import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { CID } from 'multiformats/cid'
import { compare, join, priorities, text, utf8 } from './bytes.js'
import { build } from './tree.js'
import { blobCID, chunkLengths, entryOf } from './value.js'

const vectors = JSON.parse(readFileSync(new URL('../roots.json', import.meta.url)))
const hex = (s) => new Uint8Array(Buffer.from(s, 'hex'))
const toHex = (b) => Buffer.from(b).toString('hex')

// ../README.md, "Recipes"
const block = (label) => createHash('sha256').update(label).digest()
function bytes (label, n) {
  const parts = []
  for (let i = 0; 32 * i < n; i++) parts.push(block(`${label}#${i}`))
  return join(parts).subarray(0, n)
}
const number = (label, n) => Number(block(`${label}#0`).readBigUInt64BE(0) % BigInt(n))
const length = (label, a = 0, b = 0) => a === b ? a : a + number(label, b - a + 1)
const pad = (i, n) => String(i).padStart(n, '0')

function keyOf (seed, rule, i) {
  switch (rule.shape) {
    case 'random': return bytes(`${seed}/key/${i}`, length(`${seed}/keylen/${i}`, rule.min, rule.max))
    case 'sequential': return utf8.encode(pad(i, 8))
    case 'path': return utf8.encode(`/dir${i % 7}/sub${i % 31}/file-${i}`)
    case 'prefixed': return utf8.encode('x'.repeat(1000) + pad(i, 6))
    case 'byte': return Uint8Array.of(i)
    case 'list': return hex(vectors.lists[rule.list][i])
  }
  throw new Error(`unknown rule of keys ${rule.shape}`)
}

function varint (n) {
  const out = []
  for (; n >= 128; n = Math.floor(n / 128)) out.push(n % 128 + 128)
  return Uint8Array.from([...out, n])
}

function valueOf (seed, rules, key, i) {
  const label = `${seed}/value/${i}`
  const rule = rules.find((r) => !r.every || i % r.every === (r.at ?? 0))
  switch (rule.kind) {
    case 'bytes': return entryOf(key, bytes(label, length(`${seed}/valuelen/${i}`, rule.min, rule.max)))
    case 'zeros': return entryOf(key, new Uint8Array(rule.size ?? 0))
    case 'limit': return entryOf(key, bytes(label, 1276 - key.length + (rule.over ?? 0)))
    case 'link': {
      const head = rule.version === 1 ? [Uint8Array.of(1), varint(rule.codec ?? 0)] : []
      const size = rule.size ?? 0
      return entryOf(key, undefined, CID.decode(join([...head, varint(rule.hash ?? 0), varint(size), bytes(label, size)])))
    }
  }
  throw new Error(`unknown rule of values ${rule.kind}`)
}

const entryFrom = ({ key, value, link }) => entryOf(hex(key), link ? undefined : hex(value ?? ''), link ? CID.decode(hex(link)) : undefined)

// apply puts content, or a change to it, into a map
function apply (map, seed, keys, c, numbers) {
  for (const i of numbers) {
    const key = keyOf(seed, keys, i)
    if (c.delete) map.delete(text(key))
    else map.set(text(key), valueOf(c.seed ?? '', c.values ?? [], key, i))
  }
  for (const e of c.entries ?? []) {
    if (c.delete) map.delete(text(hex(e.key)))
    else map.set(text(hex(e.key)), entryFrom(e))
  }
}

const count = (n = 0) => Array.from({ length: n }, (_, i) => i)

function numbersOf (change) {
  return change.at ?? count(change.count).map((i) => (change.from ?? 0) + i * (change.step || 1))
}

let failed = 0
function expect (what, got, want) {
  if (JSON.stringify(got) === JSON.stringify(want)) return
  failed++
  console.error(`${what}: ${JSON.stringify(got)}, not ${JSON.stringify(want)}`)
}

async function outcome (map) {
  const t = await build([...map.values()].sort((a, b) => compare(a.key, b.key)))
  return { root: t.root.toString(), entries: t.count, bytes: t.bytes, height: t.height, nodes: t.nodes }
}

const most = Number(process.argv[2] ?? 10000)
let done = 0
for (const p of vectors.priorities) {
  const { p1, p2 } = await priorities(p.level)
  const first = p1(bytes(p.key, p.size))
  expect(`priority of ${p.key}`, [pad(first.toString(16), 16), pad(p2(first).toString(16), 16)], [p.p1, p.p2])
}
for (const b of vectors.blobs) {
  const data = b.kind === 'zeros' ? new Uint8Array(b.size) : bytes(b.label, b.size)
  expect(`link of ${b.label ?? 'zeros'}`, toHex(blobCID(data).bytes), b.link)
  if (b.ends?.length) {
    let at = 0
    expect(`chunks of ${b.label ?? 'zeros'}`, chunkLengths(data).map((n) => (at += n)), b.ends)
  }
}
for (const v of vectors.vectors) {
  if (v.tree.entries > most) continue
  const map = new Map()
  apply(map, v.base.seed ?? '', v.base.keys, v.base, count(v.base.count))
  expect(v.name, await outcome(map), v.tree)
  done++
  if (!v.edits) continue
  for (const c of v.edits) apply(map, v.base.seed ?? '', v.base.keys, c, numbersOf(c))
  expect(`${v.name}, edited`, await outcome(map), v.edited)
  done++
}
console.log(`${done} roots, ${vectors.priorities.length} priorities, ${vectors.blobs.length} values: ${failed} differ`)
process.exitCode = failed > 0 ? 1 : 0
