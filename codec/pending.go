package codec

import cid "github.com/ipfs/go-cid"

// ChunkList names the pieces of a long value in order.
type ChunkList struct {
	Total   uint64
	Lengths []uint64
	Links   []cid.Cid
}

// Append: stand-in until the encoder of chunk lists replaces this file.
func (l ChunkList) Append(dst []byte) []byte { return dst }

// ParseChunkList: stand-in until the parser of chunk lists replaces this file.
func ParseChunkList(block []byte) (ChunkList, error) { return ChunkList{}, ErrSyntax }
