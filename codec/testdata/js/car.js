// A CARv1 file: its root, and its blocks by CID, each verified.

import { open } from 'node:fs/promises'
import * as dagCBOR from '@ipld/dag-cbor'
import { varint } from 'multiformats'
import { CID } from 'multiformats/cid'
import { SHA2_256, equal, sha256, text } from './bytes.js'

const PIECE = 1 << 24

// the sections of a file, read piece by piece
async function * sections (file) {
  const f = await open(file)
  try {
    let rest = Buffer.alloc(0)
    for (;;) {
      const piece = Buffer.alloc(PIECE)
      const { bytesRead } = await f.read(piece, 0, PIECE)
      rest = Buffer.concat([rest, piece.subarray(0, bytesRead)])
      let at = 0
      while (at < rest.length) {
        let length, n
        try {
          [length, n] = varint.decode(rest, at)
        } catch {
          break
        }
        if (at + n + length > rest.length) break
        yield new Uint8Array(rest.subarray(at + n, at + n + length))
        at += n + length
      }
      rest = rest.subarray(at)
      if (bytesRead === 0) break
    }
    if (rest.length > 0) throw new Error(`the file breaks off: ${rest.length} bytes are left`)
  } finally {
    await f.close()
  }
}

export async function readCAR (file) {
  let root
  const blocks = new Map()
  for await (const section of sections(file)) {
    if (root === undefined) {
      const header = dagCBOR.decode(section)
      if (header.version !== 1 || header.roots.length !== 1) throw new Error('not a CARv1 with one root')
      root = header.roots[0]
      continue
    }
    const [cid, block] = CID.decodeFirst(section)
    // Blocks that a caller's links name may have any hash; no tree depends on them.
    if (cid.multihash.code === SHA2_256 && !equal(sha256(block), cid.multihash.digest)) {
      throw new Error(`block ${cid} has another hash`)
    }
    blocks.set(text(cid.bytes), block)
  }
  if (root === undefined) throw new Error('an empty file')
  return {
    root,
    size: blocks.size,
    get: (cid) => {
      const block = blocks.get(text(cid.bytes))
      if (block === undefined) throw new Error(`block ${cid} is missing`)
      return block
    }
  }
}
