// What the published packages do with a service: run by spacejs_test.go.
//
//   node client.mjs suite URL DID DIDKEY FILE    every check, one line each; FILE: the service's key
//   node client.mjs make DIR KEY DID N       N invocations, each a CAR in DIR
//   node client.mjs verify URL DID DIDKEY CID…   receipts of invocations
import { connect } from '@ucanto/client'
import { CAR, HTTP } from '@ucanto/transport'
import { ed25519, Absentee, Verifier } from '@ucanto/principal'
import * as DID from '@ipld/dag-ucan/did'
import { delegate, Delegation, Message, Receipt } from '@ucanto/core'
import { Blob, Upload, Receipt as Receipts } from '@storacha/upload-client'
import * as SpaceBlob from '@storacha/capabilities/space/blob'
import * as UCANCaps from '@storacha/capabilities/ucan'
import * as Access from '@storacha/capabilities/access'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import * as fs from 'node:fs/promises'
import * as path from 'node:path'

const [command, ...args] = process.argv.slice(2)

let failed = 0
const check = async (name, f) => {
  try {
    await f()
    console.log('ok', name)
  } catch (e) {
    failed++
    console.log('not ok', name, e.stack ?? e, e.cause ?? '')
  }
}
const equal = (got, want, what = '') => {
  if (got !== want) throw new Error(`${what}: ${got}, want ${want}`)
}
const now = () => Math.floor(Date.now() / 1000)

const open = (url, did) =>
  connect({ id: DID.parse(did), codec: CAR.outbound, channel: HTTP.open({ url: new URL(url), method: 'POST' }) })

const bytesOf = (text) => new TextEncoder().encode(text)
const blobOf = async (text) => {
  const digest = await sha256.digest(bytesOf(text))
  return { digest: digest.bytes, size: bytesOf(text).length }
}

async function suite(url, did, key, keyFile) {
  const service = DID.parse(did)
  const verifier = ed25519.Verifier.parse(key).withDID(did)
  const connection = open(url, did)
  const space = await ed25519.generate()
  const alice = await ed25519.generate()
  const bob = await ed25519.generate()
  const list = (issuer, more = {}) =>
    SpaceBlob.list.invoke({ issuer, audience: service, with: space.did(), nb: {}, nonce: `${Math.random()}`, ...more })
  const verified = async (receipt) => {
    const r = await receipt.verifySignature(verifier)
    if (r.error) throw r.error
    return receipt
  }
  const refused = (name, what, inv, cause) =>
    check(what, async () => {
      const r = await verified((await connection.execute(await inv))[0])
      equal(r.out.error?.name, name, 'error')
      if (cause && !JSON.stringify(r.out.error).includes(cause)) throw new Error(`${JSON.stringify(r.out.error)} has no ${cause}`)
    })

  await check('a blob end to end', async () => {
    const data = bytesOf('hello from JavaScript')
    const digest = await sha256.digest(data)
    const conf = { issuer: space, with: space.did(), proofs: [], audience: service }
    const { site } = await Blob.add(conf, digest, data, { connection, retries: 0 })
    equal(site.capabilities[0].can, 'assert/location')
    equal(site.issuer.did(), did)
    const got = await fetch(site.capabilities[0].nb.location[0])
    equal(await got.text(), 'hello from JavaScript')
    const listed = await Blob.list(conf, { connection })
    equal(listed.results.length, 1)
    const one = await Blob.get(conf, digest, { connection })
    equal((one.ok ?? one).blob.size, data.length)
    await Blob.add(conf, digest, data, { connection, retries: 0 }) // again
    const root = CID.createV1(0x55, digest)
    await Upload.add(conf, root, [CID.createV1(0x202, digest)], { connection })
    equal((await Upload.list(conf, { connection })).results.length, 1)
  })
  await check('receipts by GET, with their signatures', async () => {
    const inv = await list(space).delegate()
    await verified((await connection.execute(inv))[0])
    const r = await Receipts.get(inv.cid, { connection, endpoint: new URL('/receipt/', url) })
    await verified(r.ok)
    equal((await fetch(new URL(`/receipt/${CID.createV1(0x71, await sha256.digest(bytesOf('none')))}`, url))).status, 404)
  })
  await check('the fork of space/blob/add', async () => {
    const r = await verified(
      (await connection.execute(
        await SpaceBlob.add
          .invoke({ issuer: space, audience: service, with: space.did(), nb: { blob: await blobOf('forks') } })
          .delegate()
      ))[0]
    )
    equal(
      r.fx.fork.map((f) => f.capabilities[0].can).join(' '),
      'blob/allocate http/put blob/accept ucan/conclude',
      'fork'
    )
  })
  await check('delegated', async () => {
    const proof = await SpaceBlob.list.delegate({ issuer: space, audience: alice, with: space.did(), nb: {}, expiration: Infinity })
    const r = await verified((await connection.execute(await list(alice, { proofs: [proof] }).delegate()))[0])
    if (r.out.error) throw r.out.error
  })

  const from = (opts = {}) =>
    SpaceBlob.list.delegate({ issuer: space, audience: alice, with: space.did(), nb: {}, expiration: Infinity, ...opts })
  const forged = async (inv) => {
    const other = await list(space).delegate()
    const bad = await (await import('@ipld/dag-ucan')).encode({ ...inv.data.model, s: other.data.model.s })
    const cid = CID.createV1(0x71, await sha256.digest(bad))
    return Delegation.create({ root: { cid, bytes: bad }, blocks: new Map() })
  }
  await refused('Unauthorized', 'bad signature', (async () => forged(await list(space).delegate()))())
  await refused('Unauthorized', 'expired', list(space, { expiration: now() - 5 }).delegate(), 'xpired')
  await refused('Unauthorized', 'not yet valid', list(space, { notBefore: now() + 500, expiration: now() + 1000 }).delegate())
  await refused('InvalidAudience', 'wrong audience', list(space, { audience: bob }).delegate())
  await refused('Unauthorized', 'by nobody', list(bob).delegate())
  await refused('Unauthorized', 'misaligned principals', list(bob, { proofs: [await from()] }).delegate())
  await refused(
    'Unauthorized', 'escalation in with',
    list(alice, { proofs: [await SpaceBlob.list.delegate({ issuer: bob, audience: alice, with: bob.did(), nb: {}, expiration: Infinity })] }).delegate()
  )
  await refused(
    'Unauthorized', 'escalation in can',
    SpaceBlob.add.invoke({ issuer: alice, audience: service, with: space.did(), nb: { blob: await blobOf('x') }, proofs: [await from()] }).delegate()
  )
  await refused(
    'Unauthorized', 'escalation in nb',
    SpaceBlob.add.invoke({
      issuer: alice, audience: service, with: space.did(), nb: { blob: await blobOf('more than allowed') },
      proofs: [await SpaceBlob.add.delegate({ issuer: space, audience: alice, with: space.did(), nb: { blob: await blobOf('allowed') }, expiration: Infinity })],
    }).delegate()
  )
  await refused('HandlerNotFoundError', 'unknown ability',
    delegate({ issuer: space, audience: service, capabilities: [{ can: 'space/nonsense', with: space.did() }] }))
  await refused('InvocationCapabilityError', 'two capabilities',
    delegate({ issuer: space, audience: service, capabilities: [
      { can: 'space/blob/list', with: space.did(), nb: {} }, { can: 'space/blob/list', with: space.did(), nb: {} }] }))
  await refused('InsufficientStorage', 'over capacity',
    SpaceBlob.add.invoke({ issuer: space, audience: service, with: space.did(), nb: { blob: { ...(await blobOf('big')), size: 1e12 } } }).delegate())

  await check('revoked', async () => {
    const proof = await from()
    const again = async () => (await connection.execute(await list(alice, { proofs: [proof] }).delegate()))[0]
    if ((await again()).out.error) throw new Error('refused before it was revoked')
    const revoke = UCANCaps.revoke.invoke({ issuer: space, audience: service, with: space.did(), nb: { ucan: proof.cid }, proofs: [proof] })
    const inv = await revoke.delegate()
    const r = await verified((await connection.execute(inv))[0])
    if (r.out.error) throw r.out.error
    const after = await verified(await again())
    equal(after.out.error?.name, 'Unauthorized')
    if (!JSON.stringify(after.out.error).includes('evoked')) throw new Error(JSON.stringify(after.out.error))
  })
  await check('did:mailto without attestation', async () => {
    const account = Absentee.from({ id: 'did:mailto:web.mail:mallory' })
    const top = await delegate({ issuer: space, audience: account, capabilities: [{ can: '*', with: space.did() }], expiration: Infinity })
    const proof = await delegate({ issuer: account, audience: alice, capabilities: [{ can: '*', with: space.did() }], proofs: [top], expiration: Infinity })
    const r = await verified((await connection.execute(await list(alice, { proofs: [proof] }).delegate()))[0])
    equal(r.out.error?.name, 'Unauthorized')
  })
  await check('access/authorize, a mail, access/claim, an attested delegation', async () => {
    const account = 'did:mailto:web.mail:alice'
    const top = await delegate({ issuer: space, audience: { did: () => account }, capabilities: [{ can: '*', with: space.did() }], expiration: Infinity })
    const left = await verified((await connection.execute(
      await Access.delegate.invoke({ issuer: space, audience: service, with: space.did(),
        nb: { delegations: { [top.cid.toString()]: top.cid } }, proofs: [top] }).delegate()))[0])
    if (left.out.error) throw left.out.error
    const r = await verified((await connection.execute(
      await Access.authorize.invoke({ issuer: alice, audience: service, with: alice.did(), nb: { iss: account, att: [{ can: '*' }] } }).delegate()
    ))[0])
    if (r.out.error) throw r.out.error
    const mails = process.env.MAIL_DIR
    const files = (await fs.readdir(mails)).filter((f) => f.endsWith('.eml'))
    const text = await fs.readFile(path.join(mails, files.sort().at(-1)), 'utf8')
    const link = text.match(/http\S+\/confirm\/\S+/)[0]
    equal((await fetch(link)).status, 200, 'GET')
    const claim = async () => {
      const c = await verified((await connection.execute(
        await Access.claim.invoke({ issuer: alice, audience: service, with: alice.did(), nonce: `${Math.random()}` }).delegate()))[0])
      if (c.out.error) throw c.out.error
      return c.out.ok.delegations
    }
    equal(Object.keys(await claim()).length, 0, 'before it is confirmed')
    equal((await fetch(link, { method: 'POST' })).status, 200, 'POST')
    equal((await fetch(link, { method: 'POST' })).status, 404, 'POST again')
    const granted = []
    for (const [cid, bytes] of Object.entries(await claim())) {
      const { roots, blocks } = CAR.codec.decode(bytes)
      granted.push(Delegation.view({ root: CID.parse(cid), blocks }))
    }
    equal(granted.length, 2, 'granted')
    const session = granted.find((d) => d.issuer.did() === account)
    const attestation = granted.find((d) => d.issuer.did() === did)
    equal(attestation.capabilities[0].can, 'ucan/attest')
    const inv = await list(alice, { proofs: [session, attestation] }).delegate()
    const ok = await verified((await connection.execute(inv))[0])
    if (ok.out.error) throw new Error(JSON.stringify(ok.out.error))
  })
  await check('an attestor to whom the service delegated ucan/attest', async () => {
    const owner = ed25519.parse((await fs.readFile(keyFile, 'utf8')).trim()).withDID(did)
    const attestor = await ed25519.generate()
    const stranger = await ed25519.generate()
    const account = Absentee.from({ id: 'did:mailto:web.mail:carol' })
    const top = await delegate({ issuer: space, audience: account, capabilities: [{ can: '*', with: space.did() }], expiration: Infinity })
    const proof = await delegate({ issuer: account, audience: bob, capabilities: [{ can: '*', with: space.did() }], proofs: [top], expiration: Infinity })
    const attest = (issuer, to, proofs) =>
      UCANCaps.attest.delegate({ issuer, audience: to, with: did, nb: { proof: proof.cid }, expiration: now() + 600, nonce: `${Math.random()}`, proofs })
    const may = await delegate({ issuer: owner, audience: attestor, capabilities: [{ can: 'ucan/attest', with: did }], expiration: now() + 600 })
    const expired = await delegate({ issuer: owner, audience: attestor, capabilities: [{ can: 'ucan/attest', with: did }], expiration: now() - 60 })
    const believed = async (attestation) => {
      const r = await verified((await connection.execute(await list(bob, { proofs: [proof, attestation] }).delegate()))[0])
      return r.out.error?.name ?? 'ok'
    }
    equal(await believed(await attest(attestor, bob, [may])), 'ok', 'a delegated attestor')
    equal(await believed(await attest(attestor, bob, [])), 'Unauthorized', 'without the delegation')
    equal(await believed(await attest(attestor, bob, [expired])), 'Unauthorized', 'with one that has expired')
    equal(await believed(await attest(stranger, bob, [may])), 'Unauthorized', 'with one to somebody else')
    equal(await believed(await attest(attestor, alice, [may])), 'Unauthorized', 'an attestation to somebody else')
    equal(await believed(await attest(owner, bob, [])), 'ok', 'the service itself')
  })
  await check('wrong type and malformed bodies', async () => {
    const post = (body, type) => fetch(url, { method: 'POST', body, headers: { 'content-type': type } })
    equal((await post('x', 'text/plain')).status, 415)
    equal((await post('x', 'application/vnd.ipld.car')).status, 400)
  })
}

async function make(dir, key, did, n) {
  const signer = ed25519.parse((await fs.readFile(key, 'utf8')).trim())
  for (let i = 0; i < Number(n); i++) {
    const inv = await SpaceBlob.add
      .invoke({
        issuer: signer, audience: DID.parse(did), with: signer.did(),
        nb: { blob: await blobOf(`queued by JavaScript ${i}`) }, expiration: now() + 86400,
      })
      .delegate()
    const { ok, error } = await inv.archive()
    if (error) throw error
    await fs.writeFile(path.join(dir, `${String(i).padStart(3, '0')}.car`), ok)
    console.log(inv.cid.toString())
  }
}

async function verify(url, did, key, ...cids) {
  const verifier = ed25519.Verifier.parse(key).withDID(did)
  for (const cid of cids) {
    const res = await fetch(new URL(`/receipt/${cid}`, url))
    equal(res.status, 200)
    const message = await CAR.request.decode({ body: new Uint8Array(await res.arrayBuffer()), headers: {} })
    const receipt = message.receipts.get(cid)
    const r = await receipt.verifySignature(verifier)
    if (r.error) throw r.error
    const ran = receipt.ran.cid ?? receipt.ran
    equal(ran.toString(), cid)
    console.log(receipt.root.cid.toString())
  }
}

await { suite, make, verify }[command](...args)
process.exitCode = failed ? 1 : 0
