// Package prolly is an ordered map from keys to values as a tree of content-
// addressed nodes whose shape follows from the entries alone: the same entries give the
// same bytes and the same root, in whatever order they came.
//
// It does not store anything: nodes go to and come from a [NodeStore], which
// the caller brings, except that [Build] puts what it cannot cut into temporary files
// beyond 1 MiB. It knows no branches, commits or durability, and keeps no cache. Apply
// of many edits works on several cores; no goroutine outlives a call.
//
// A tree of height 3, whose nodes begin where the keys say (FORMAT.md, section 3):
//
//	level 2                 [ a ············· m ]              root
//	                          │               │
//	level 1          [ a ··· d ··· h ]    [ m ··· s ]
//	                   │     │     │        │     │
//	level 0         [a b c][d e][h i k]  [m n q][s t]          entries
//
// A child is named in its parent by its first key, its hash, and how many entries
// and bytes stand below it. Reading goes down one path. [Tree.Apply] repairs
// the nodes around each edit, level by level. [Diff] walks two trees in step and
// never enters a subtree that both have. A [Proof] is the nodes that an answer is
// read from, and [Verify] reads it from them again. [Merge] makes edits of one tree of what
// another has changed, and takes over whole nodes where it can. A [Patch] is a difference
// as a value.
//
// Invariants, which tests and [Tree.Check] cite:
//
//	P1  Apply(edits) has the root of Build(the same content).
//	P2  Every node of a level with more than one weighs between W and M; an
//	    inner node has at least two children.
//	P3  A child's level, first key, count and bytes are those its parent names.
//	P4  Apply reads nothing beyond the touched stage-1 gaps and one neighbour
//	    on either side, and what lies above these.
//	P5  Diff visits no node that stands in both trees.
//	P6  What is read is the value written, ErrNotFound, or an error: a missing
//	    or damaged block is never mistaken for an absent key.
//	P7  What Verify accepts is true of the tree under the root, and is the one
//	    proof that Prove makes of it.
//	P8  Merge and Patch.Apply have the root of Build of their content, and a
//	    resolver is asked once for each key in conflict.
package prolly
