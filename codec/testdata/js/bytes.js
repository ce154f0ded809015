// Byte strings: comparing, joining, and the two hashes of the format.

import { createHash } from 'node:crypto'
import { createXXHash3 } from 'hash-wasm'
import { CID } from 'multiformats/cid'
import * as Digest from 'multiformats/hashes/digest'

export const utf8 = new TextEncoder()

export const compare = (a, b) => Buffer.compare(a, b)

export const equal = (a, b) => Buffer.compare(a, b) === 0

export const join = (parts) => new Uint8Array(Buffer.concat(parts))

// key of a Map for bytes
export const text = (bytes) => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length).toString('latin1')

export const sha256 = (bytes) => new Uint8Array(createHash('sha256').update(bytes).digest())

export const RAW = 0x55
export const DAG_CBOR = 0x71
export const SHA2_256 = 0x12

// the CIDv1 of a block
export const cidOf = (codec, block) => CID.createV1(codec, Digest.create(SHA2_256, sha256(block)))

const MASK = (1n << 64n) - 1n

const known = []

// FORMAT.md, section 3: the priorities of the items of a level
export async function priorities (level) {
  known[level] ??= await makePriorities(level)
  return known[level]
}

async function makePriorities (level) {
  const seed = Buffer.from(sha256(utf8.encode(`prolly/lmc2/${level}`))).readBigUInt64LE(0)
  const hasher = await createXXHash3(Number(seed & 0xffffffffn), Number(seed >> 32n))
  return {
    p1: (key) => Buffer.from(hasher.init().update(key).digest('binary')).readBigUInt64BE(0),
    p2: (p1) => {
      let z = p1 ^ 0x9e3779b97f4a7c15n
      z = ((z ^ (z >> 30n)) * 0xbf58476d1ce4e5b9n) & MASK
      z = ((z ^ (z >> 27n)) * 0x94d049bb133111ebn) & MASK
      return z ^ (z >> 31n)
    }
  }
}
