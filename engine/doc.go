// Package engine is a durable, versioned map made of prolly trees in a key/value
// store: branches, staged writes, folds, commits, transactions, snapshots,
// garbage collection and checks.
//
// It knows nothing of datastores, replication, users or what the values mean.
// It does not know how a store keeps blocks (package kv) nor how a tree is cut
// into nodes (package prolly). It keeps no history unless Commit is called, and
// does not merge branches by itself.
//
//	Put ─► log record ─► overlay            Get ─► overlays, newest first ─► tree ─► node cache ─► store
//	                        │
//	      state of a branch │ (immutable, behind an atomic pointer)
//	      ┌─────────────────▼──────────────────────────────────┐
//	      │ layers: [takes writes] [frozen] … [frozen]         │
//	      │ trees:  tree, side               ref: as stored    │
//	      └────────────────────────────────────────────────────┘
//	fold:   freeze ─► frozen layers applied to both trees, nodes put ─► one batch: last
//	        nodes, ref swapped, log trimmed ─► next state
//	commit: a fold whose batch also holds a commit block, which the ref then names
//
// What a store holds for an engine: nodes and blobs; a ref "b/NAME" for each
// branch (see branchRef) with its log of staging records (see record.go); a
// ref "t/NAME" for each tag; a ref "s/CID" for each commit below which the
// history was cut off on purpose.
//
// Locks are taken in this order: Engine.collections (a collection, a check),
// world (entered by whoever writes, stopped by Close), Engine.opening, Branch.fold, Branch.write.
// Readers take none of them.
//
// Invariants, which tests and the checker cite:
//
//	E1  A write is in the log before anyone sees it, and is seen from the moment
//	    its call returns.
//	E2  Log records of a branch are numbered without gaps; those up to ref.folded
//	    are in the trees. Those up to the folded of its base, if it has one, may
//	    be gone.
//	E3  The trees of a state with its layers over them are the content of the
//	    branch; a fold changes the state and not the content.
//	E4  A state never changes, but for versions added to its first layer under
//	    numbers above all that its readers look at.
//	E5  Blocks are committed to the store before, or with, the ref or the record
//	    that names them. They are durable no later, but for nodes put behind by
//	    folds: those the log leads to from the base of the ref, and whoever
//	    opens the branch after a crash makes them again, and must arrive at
//	    the trees that the ref and its commits name.
//	E6  A block that is read is verified against its name; a large blob that was
//	    before, over all its bytes, against a checksum taken then. One that is
//	    missing or damaged is an error, never ErrNotFound.
//	E7  A transaction commits only if nothing that it read has changed since it
//	    began.
//	E8  What a branch, tag, snapshot, moment, transaction, iterator or open value
//	    reaches is not collected.
//	E9  A fold that fails leaves the branch as it was; the next one does its work.
//	E10 After Close every method answers ErrClosed, and no goroutine is left.
//	E11 A merge or revert is one step: it does all or nothing. A branch that is
//	    renamed is there under one of its names at any moment.
//	E12 A history ends where a commit has no parents or where it was cut off,
//	    which is said; a parent missing otherwise is an error.
//	E13 A node is spared only if it was put after the last commit and the last
//	    base of its branch, the branch has left it behind, and nothing pins
//	    the branch or an unknown tree. Where the root of a tree is in the store,
//	    so is all of the tree.
//	E14 A node leads to a child only while that very child is in the node cache:
//	    no link keeps in memory what the cache has let go.
//	E15 Of a branch there is one in memory at most. One that nobody holds and
//	    nobody asks for goes, and is as it was when it is asked for again.
//
// A collection begins by telling the store, which keeps what is put from then
// on, and waits until all who were inside the world have left. Call that moment
// M. What a use after M needs, it finds in one of these ways, and it stays:
//
//	G1  It was put after the beginning: the store keeps it, also when it was
//	    there before and was not written again.
//	G2  It was reached at M from a ref, a log, a state or a pin. Those are
//	    marked: what is there when it is looked for, and what went in between,
//	    which leaving() notes. A log is read before its ref.
//	G3  It was named: a commit, a root, an out-of-line value, a link. Whoever
//	    names something from elsewhere brings it back (bringBack, keepValue,
//	    keepLink) before he uses it: while others mark it is marked too; while
//	    they sweep he marks it himself, from the top, or is told that it is gone.
//	G4  A node is marked whole only when all below it is. Nothing else ends a
//	    descent: not that a node is new, for it may have been there before.
//	G5  No branch needs older nodes to make others again, because all were
//	    hardened after M (see behind.go); and none is spared before the end.
//	G6  What is removed is not named by anything durable: roots are found, then
//	    the store is synced, then swept.
package engine
