// Package receipt is signed outcomes of invocations: issued, screened, verified,
// and read for the state of a blob.
//
// It does not say who may invoke what (package auth), keeps no index of
// receipts, and believes nobody: what is not signed by the key that it is asked
// to verify with does not count. It follows no link; who calls gives the blocks.
//
//	bytes ──Read──► *Receipt ──Verify──► signed by this service, about this invocation
//	                  │  ran   what was invoked
//	                  │  out   {ok} or {error}
//	                  │  fx    what is to happen next: fork, join
//	                  ▼
//	BlobState:  space/blob/add ─ fork ─┬─ blob/allocate ─ receipt: allocated, until it expires
//	                                   ├─ http/put ────── receipt: delivered, as somebody says
//	                                   └─ blob/accept ─── receipt: located, as the service saw
//
// Invariants, which tests cite:
//
//	R1  The same result of the same invocation gives the same bytes and CID.
//	R2  Receipts made here are byte for byte those of the JavaScript packages.
//	R3  Any bytes are refused with an error or read without panic, then and in
//	    every later use.
//	R4  A receipt with another key, outcome, space, blob or service, or under
//	    another blob's name, changes no state.
package receipt
