package codec

// Limits of the format, FORMAT.md sections 1 to 3. Sizes are in bytes; weights
// are the units in which node boundaries are decided.
const (
	MinWeight = 1280                    // W: what a node weighs at least, and half the width of a boundary's window
	MaxWeight = 3840                    // M: what a node weighs at most
	MaxItem   = MaxWeight - 2*MinWeight // S: what an item weighs at most

	MaxKey       = 1024    // a key
	MaxLink      = 128     // a CID of a caller's link
	MaxNode      = 8192    // a node's block
	MaxBlob      = 1 << 20 // a raw block: a whole value, or a chunk of one
	MaxChunkList = 512 << 10
	MaxChunks    = 8192 // items of a chunk list
	MaxCommit    = 64 << 10
	MaxParents   = 16
	MaxMeta      = 256       // entries of a commit's meta
	MaxLevel     = 31        // of the root
	MaxSum       = 1<<48 - 1 // a value's length; entries or bytes below a node
)

// Kind says how a leaf keeps a value.
type Kind uint8

const (
	Inline Kind = 0 // the bytes stand in the leaf
	Blob   Kind = 1 // the bytes stand in a block, or in chunks under a list
	Link   Kind = 2 // the value is an IPLD link of the caller's
)

// FitsInline tells whether a value is kept in the leaf.
func FitsInline(keyLen, valueLen int) bool { return 4+keyLen+valueLen <= MaxItem }

// LeafWeight is the weight of an entry. n is the length of the value when it
// is Inline, and that of the CID otherwise.
func LeafWeight(keyLen int, k Kind, n int) int {
	if k == Inline {
		return 4 + keyLen + n
	}
	return 4 + keyLen + 5 + n
}

// InnerWeight is the weight of a child in its parent, by its first key.
func InnerWeight(keyLen int) int { return 45 + keyLen }
