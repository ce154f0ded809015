// Package car writes commits and trees of a store into CAR files, and brings
// such files into a store: whole, or only what the other side lacks.
//
// It keeps no index and sorts nothing: a file is written in one walk and read in
// one walk, both in memory that does not grow with it. It moves no branch but
// the one it is given, does not merge, and talks to no network. It reads CARv1,
// and CARv2 for the CARv1 inside; what it writes is CARv1, which any CAR tool
// reads.
//
// The order of blocks is that in which a depth-first walk meets the links of the
// root, and so the same for everyone:
//
//	commit ─► its tree ─► its first parent ─► that one's tree … ─► second parent …
//	            │
//	            node ─► first child ─► what is below ─► second child …
//	                      │
//	                      leaf ─► value out of line, list before chunks ─► linked block …
//
// So whoever reads it knows at each moment which block comes next, or that the
// next one expected is left out because he has it: nodes of the receiver's
// trees, values under the same key of them, ancestors of his commits, and what
// came a short while before.
//
// Invariants, which tests cite:
//
//	R1  The same content without the same things makes the same file.
//	R2  A branch moves only to what was verified: each block against its name and
//	    the format, each tree against the one that its entries make.
//	R3  Everything that is named is in the file or in the store, or was cut off
//	    with the reader's consent, before the branch moves. Linked blocks alone
//	    may be missing.
//	R4  A file that breaks off, or holds what nothing names, changes no branch.
//	R5  Memory is bounded, whatever the file says and however long it is; what is
//	    remembered of commits grows with their number alone.
package car
