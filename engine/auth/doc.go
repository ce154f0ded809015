// Package auth answers whether something may be done: it reads UCANs that
// anyone may have written, validates them, and signs what a service says about
// them.
//
// It executes nothing, stores nothing but a cache in memory, sends no mail, and
// knows no HTTP. It does not decide what a handler does with a valid
// invocation, nor whether one has run before: that is for who keeps the
// receipts (see Replays). UCANs with other encodings than today's wire has are
// refused, although other readers may accept them.
//
//	bytes ─► Load: the screen ─► *Chain ─► Access ─► *Grant, or *Denied for a receipt
//	           │ budget                      │
//	           │ hash, one encoding          ├─ cache: same proofs, same claim ─ times, revocations
//	           │ every field                 └─ the library's validator, through hooks:
//	           ▼                                    proofs ─ stand-ins for what is authorized
//	        ErrMalformed, ErrBudget                 signatures ─ counted
//	                                                times, revocations ─ before signatures
//
// An authorization, ucan/authorize, is the service's word that it validated a
// delegation P in full. It lies beside P among the proofs of a UCAN of the
// agent, which may be the invocation, or a UCAN of the agent to itself:
//
//	invocation: iss agent, prf ─┬─► P: iss …, aud agent         ancestors left out
//	                            └─► authorization: iss service, aud agent,
//	                                with service, can ucan/authorize, nb {proof: P}, fct [{chain: list}]
//	                                                       the list, P and what made it valid: kept by the service
//
// Early drafts gave an authorization the audience "ucan:<cid of P>" and the
// resource "ucan:<cid of P>". An audience is a DID on today's wire, so the first
// cannot be written; and since nb names P, the second says nothing new: the
// resource is the service, by whose right the authorization speaks. nb.permit is
// read as nb.proof. A reader that does not know ucan/authorize ignores it, and
// needs P's ancestors.
//
// An attestation, ucan/attest, says that an account confirmed a delegation
// which it could not sign. Nobody looked at that delegation's proofs, so it is
// never read as an authorization.
//
// Invariants, which tests cite:
//
//	A1  No bytes end the process or a goroutine of the library; what a request
//	    costs is within Limits.
//	A2  A UCAN has one name: what differs in one bit of the block or the CID is
//	    another UCAN, or refused.
//	A3  Nothing conveys more than its issuer holds: resource, ability and each
//	    field of nb narrow from link to link.
//	A4  An absent signature counts only with an attestation by the service or
//	    whom it delegated ucan/attest to, for that one UCAN.
//	A5  An authorization counts for one proof, one audience, and until it, its
//	    authorizer, its proof or anything that was validated for it expires or is
//	    revoked.
//	A6  With the cache or without it, the verdict is the same.
//	A7  Revoking takes effect with the next call, and only issuer, audience and
//	    principals upstream can.
//	A8  What is signed here has the bytes that the JavaScript packages give it.
package auth
