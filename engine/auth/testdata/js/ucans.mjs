// Answers one JSON object a line with one JSON object a line:
// what the published packages make of UCANs, and the bytes that they make.
import { createInterface } from 'node:readline'
import { Delegation, Receipt, Schema, ok, fail, parseLink } from '@ucanto/core'
import { Absentee, Verifier, ed25519 } from '@ucanto/principal'
import { access, capability } from '@ucanto/validator'

const bytes = (text) => Uint8Array.from(Buffer.from(text, 'base64'))
const base64 = (data) => Buffer.from(data).toString('base64')

const ability = (can) =>
  capability({
    can,
    with: Schema.did(),
    nb: Schema.struct({ size: Schema.integer().optional() }),
    derives: (claimed, delegated) =>
      claimed.with !== delegated.with
        ? fail(`${claimed.with} is not ${delegated.with}`)
        : delegated.nb.size === undefined || claimed.nb.size <= delegated.nb.size
          ? ok({})
          : fail(`${claimed.nb.size} is over ${delegated.nb.size}`),
  })
const abilities = { 'test/add': ability('test/add'), 'test/get': ability('test/get') }

// link nodes arrive as {"/": "<cid>"}
const linked = (value) =>
  Array.isArray(value)
    ? value.map(linked)
    : value === null || typeof value !== 'object'
      ? value
      : '/' in value
        ? parseLink(value['/'])
        : Object.fromEntries(Object.entries(value).map(([k, v]) => [k, linked(v)]))

const signer = async ({ seed, did }) => {
  if (!seed) return Absentee.from({ id: did })
  const key = await ed25519.derive(bytes(seed))
  return did ? key.withDID(did) : key
}

const operations = {
  // is the invocation valid?
  async verdict({ root, blocks, now, service }) {
    Date.now = () => now * 1000
    const store = new Map()
    for (const [cid, data] of Object.entries(blocks)) {
      store.set(cid, { cid: parseLink(cid), bytes: bytes(data) })
    }
    const invocation = Delegation.view({ root: parseLink(root), blocks: store })
    const authority = (await signer(service)).verifier
    if (invocation.audience.did() !== authority.did()) return { error: 'InvalidAudience' }
    const claim = abilities[invocation.capabilities[0].can]
    if (!claim) return { error: 'HandlerNotFoundError' }
    const result = await access(invocation, {
      capability: claim,
      authority,
      principal: Verifier,
      validateAuthorization: () => ok({}),
    })
    return result.error ? { error: result.error.name, message: result.error.message } : {}
  },

  // the block of a UCAN
  async make({ issuer, audience, capabilities, expiration, notBefore, nonce, facts, proofs }) {
    const { cid, root } = await Delegation.delegate({
      issuer: await signer(issuer),
      audience: { did: () => audience },
      capabilities: linked(capabilities),
      expiration: expiration ?? Infinity,
      notBefore,
      nonce,
      facts: linked(facts ?? []),
      proofs: (proofs ?? []).map((p) => parseLink(p)),
    })
    return { cid: cid.toString(), bytes: base64(root.bytes) }
  },

  // the block of a receipt
  async receipt({ issuer, ran, result, fork, join }) {
    const { root } = await Receipt.issue({
      issuer: await signer(issuer),
      ran: parseLink(ran),
      result: linked(result),
      fx: { fork: fork.map((l) => parseLink(l)), ...(join && { join: parseLink(join) }) },
    })
    return { cid: root.cid.toString(), bytes: base64(root.bytes) }
  },

  // is the receipt signed by the key?
  async verify({ root, data, issuer }) {
    const block = { cid: parseLink(root), bytes: bytes(data) }
    const receipt = Receipt.view({ root: block.cid, blocks: new Map([[root, block]]) })
    const verified = await receipt.verifySignature((await signer(issuer)).verifier)
    return verified.error ? { error: verified.error.message } : {}
  },
}

for await (const line of createInterface({ input: process.stdin })) {
  const request = JSON.parse(line)
  let answer
  try {
    answer = await operations[request.op](request)
  } catch (cause) {
    answer = { error: 'thrown', message: String(cause) }
  }
  process.stdout.write(JSON.stringify(answer) + '\n')
}
