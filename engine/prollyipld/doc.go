// Package prollyipld lets go-ipld-prime see a tree as what it is, a map, and a
// store as a place for blocks.
//
// It is an Advanced Data Layout: Reify makes of the root node of a tree, as
// DAG-CBOR has it, a map with one entry a key, so that traversals and selectors
// find keys without knowing of nodes. It reads only: trees are written by
// package engine. It decodes no blocks but those of trees; what a caller's link
// names is for the LinkSystem.
//
//	block of the root ─► DAG-CBOR: [1, 2, bytes, bytes, …]      the substrate
//	                        │ Reify, KnownReifiers["prolly"]
//	                        ▼
//	         { "a": bytes, "b": bytes, "c": link } ──────────► linked block
//
// Keys are strings of any bytes, as go-ipld-prime's are. A value is bytes, read
// piece by piece if it stands out of line (datamodel.LargeBytesNode), or the
// caller's link.
//
// Invariants, which tests cite:
//
//	I1  The map has the entries of the tree, in its order.
//	I2  A block is verified against its name before anyone sees it, and before it
//	    is stored.
//	I3  An iteration holds a few hundred entries, whatever the size of the tree.
package prollyipld
