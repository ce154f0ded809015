// Package space is a user's space as a prolly tree: edited offline, synced with
// the replica of a service, which upholds what it signed and nothing else.
//
// A client writes what it likes into its replica, blobs and invocations that it
// queues among it. The service merges, lets entries under some prefixes stand
// only if it knows them as its own receipts, runs what is queued for it, and
// answers with what the client lacks.
//
// It validates no UCAN itself (package auth) and does not say what a receipt
// means (package receipt). It does not bring replicas without a common past
// together cheaply (package sync): a client that the service does not know sends
// all it has.
//
//	Space (client)                             Service
//	branch space/did:key:…                     branch space/did:key:…
//	  tree: the space      ──changes since──►    tree: merged, gated, queue run
//	branch space/did:key:…@did:web:…  the last   side: receipt index, allocations,
//	  tree: as the service had it    ◄─changes─        usage, blocks to keep
//	                                           branch service
//	                                             side: where receipts are, logins that
//	                                                   wait, delegations, revocations,
//	                                                   who holds which blob
//	                                           branch lack/did:key:…/…  what an agent has
//	                                             tree: of an answer that comes in parts
//
// The branch of a space is named "space/" and its DID. What its keys mean is in
// layout.go; what the side trees hold, in index.go, access.go, revoke.go,
// answers.go and drop.go. What is too large for one request or answer goes in
// several, each of which leads to a tree on the way (portion.go, lack.go).
//
// Invariants, which tests cite by S and requirements by number:
//
//	S1  A difference, either way, is worked out apart from the tree and must lead
//	    to the root that was announced with it, or nothing of it is seen.
//	S2  What an invocation changes is changed in one step with the record that it
//	    was run: both or neither survive a crash.
//	S3  Under the prefixes that the service upholds, an entry in its tree is one
//	    that its own index holds for that space and key, or is not there.
//	S4  Every invocation for the service has one receipt, for ever the same,
//	    whatever the client deletes, moves back or repeats.
//	S5  A blob is located when the service has read its bytes, and not because
//	    anyone says so.
//	S6  Usage is the sum of the allocations.
//	S7  The bytes of a blob stay as long as a space has it allocated, and are
//	    removed with the last allocation, whenever the service dies.
package space
