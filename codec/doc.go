// Package codec turns the blocks of a tree's format into values and back:
// nodes, chunk lists, commits and patches. FORMAT.md, beside this file, describes every
// byte. It does the same for what a proof is made of, questions and CARs, which
// docs/proofs.md describes.
//
// It reads and writes no storage, follows no link, and knows no tree: which
// items belong in one node, whether a child is what its parent says, and how a
// value is cut into chunks is the business of those who see more than one
// block. It looks at nothing but the bytes it is given.
//
// A leaf, and a node above it. Each field is a CBOR byte string, version and
// level are numbers, links an array:
//
//	89 01 00 | prefix | keyEnds | keys | kinds | valEnds | vals | links
//	            "b"     1 3 6     aatber          2 4 7     .......
//	                    | | |     ^^^             | | |
//	                    | | +--- third key: "b" + "ber"
//	                    | +----- second: "b" + "at"
//	                    +------- first: "b" + "a"
//
//	87 01 lv | prefix | keyEnds | keys | stats                | links
//	                                     count u48, bytes u48   41 bytes each
//
// A [Node] finds the i-th key, value or child in these by arithmetic, and
// copies none of them.
//
// Blocks of other formats (UCANs, receipts) are held to the same strictness by
// [CheckDAGCBOR], which knows nothing else of them.
//
// Invariants, which tests cite:
//
//	C1  What was encoded is what is read again.
//	C2  There is one encoding: bytes that are accepted are those that encoding
//	    their content gives.
//	C3  Every block is canonical DAG-CBOR, which go-ipld-prime decodes and
//	    encodes to the same bytes.
//	C4  Any bytes whatever are either accepted or refused with a DecodeError
//	    that names a sentinel, a field and an offset; never a panic. What is
//	    accepted breaks no rule of FORMAT.md that one block can show.
//	C5  Decoding takes at most 4 times the block and 64 KiB of memory.
//	C6  Parsing a node, searching it, and encoding into a buffer with room
//	    allocate nothing.
//
// The build tag invariants makes the encoders of nodes parse what they wrote,
// and panic when it is not a sound node that holds what they were given.
package codec
