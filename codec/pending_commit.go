package codec

import cid "github.com/ipfs/go-cid"

// Commit records a tree in the history of a branch.
type Commit struct {
	Seq     uint64
	Root    cid.Cid
	Time    int64 // Unix milliseconds
	Parents []cid.Cid
	Meta    map[string][]byte
}

// Encode: stand-in until the encoder of commits replaces this file.
func (c Commit) Encode() ([]byte, error) { return nil, ErrSyntax }

// ParseCommit: stand-in until the parser of commits replaces this file.
func ParseCommit(block []byte) (Commit, error) { return Commit{}, ErrSyntax }
