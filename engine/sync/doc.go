// Package sync brings replicas of a branch together over HTTP, trusting nobody:
// Handler serves the branches of an engine, Client pulls, pushes and clones
// them. docs/sync.md has the bytes.
//
// It decides nothing about users: Authorize does. It merges only when it is given
// a resolver, and knows nothing of what keys and values mean.
//
// What two replicas lack travels as entries, not as nodes: the tree of the same
// entries has the same root on both sides, so the root that the receiver reaches
// proves what it received.
//
//	a base is known     head, haves ──►            ◄── head, changed entries, commits
//	nothing is known    estimate ──►               ◄── symbols of leaves
//	                    leaves that differ ──►     ◄── symbols of their entries
//	                    ids of entries ──►         ◄── the entries
//	one side is empty   ──►                        ◄── all entries, resumed by key
//
//	wire ─► verified frame by frame ─► spool (memory, then a temporary file)
//	     ─► Branch.Adopt: applied to the base, root compared ─► the head moves
//
// Invariants, which tests cite:
//
//	Y1  Nothing that a peer sent is visible before all of it is verified: form,
//	    order, limits, blocks by their hash, the content by its root.
//	Y2  A head moves only from where the sender took it to be, to a commit that
//	    descends from it; otherwise nothing changes (ErrDiverged).
//	Y3  What a peer sends costs at most the Budget; then it is a *BudgetError.
//	Y4  A stream that ends early is ErrTruncated, and goes on where it ended.
//	Y5  An error on one connection is no concern of another.
//	Y6  A head that falls behind one seen before is ErrRollback.
package sync
