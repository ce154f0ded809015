package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Facts is what a proof has shown: the answer to a question about the tree under
// a root. It shares its bytes with the proof. All methods may be called by
// several goroutines at once.
type Facts struct {
	root  codec.Hash
	q     codec.Question
	nodes []provenNode      // in the order of the walk
	blobs map[string][]byte // by CID

	keys  []keyAnswer
	spans []leafSpan // in the order of the walk
	count uint64
}

type provenNode struct {
	hash codec.Hash
	node *Node
}

// keyAnswer is where a key is, or would be.
type keyAnswer struct {
	key   []byte
	leaf  *Node
	i     int
	found bool
	rank  uint64
}

// leafSpan is the items of a leaf from first up to end.
type leafSpan struct {
	leaf       *Node
	first, end int
}

// Root returns the root of the tree that the facts are about.
func (f *Facts) Root() cid.Cid { return f.root.CID() }

// Question returns what was asked. The caller must not change it.
func (f *Facts) Question() codec.Question { return f.q }

// KeyFact is what is proven of a key.
type KeyFact struct {
	Key     []byte
	Present bool
	Value   Value  // of AskKeys, when it is present
	Rank    uint64 // how many entries have a smaller key
}

// Keys yields what is proven of each key that was asked about, in key order. It
// is empty unless the question is AskKeys or AskRank. The bytes are the
// proof's.
func (f *Facts) Keys() iter.Seq[KeyFact] {
	return func(yield func(KeyFact) bool) {
		for _, a := range f.keys {
			k := KeyFact{Key: a.key, Present: a.found, Rank: a.rank}
			if a.found && f.q.Ask == codec.AskKeys {
				k.Value = provenValue(a.leaf, a.i)
			}
			if !yield(k) {
				return
			}
		}
	}
}

// Entries yields the entries that answer the question: those of the keys that
// are present (AskKeys), all of the range (AskRange), in descending order if
// that was asked for, or the one at the place, if there is one (AskAt). The
// bytes of an entry are valid until the next step.
func (f *Facts) Entries() iter.Seq[Entry] {
	return func(yield func(Entry) bool) {
		if f.q.Ask == codec.AskKeys {
			for k := range f.Keys() {
				if k.Present && !yield(Entry{k.Key, k.Value}) {
					return
				}
			}
		}
		var key []byte
		for _, s := range f.spans {
			for k := range s.end - s.first {
				i := s.first + k
				if f.q.Reverse {
					i = s.end - 1 - k
				}
				key = s.leaf.AppendKey(key[:0], i)
				if !yield(Entry{key, provenValue(s.leaf, i)}) {
					return
				}
			}
		}
	}
}

// Count returns how many entries there are in the span that AskCount asked
// about; 0 for other questions.
func (f *Facts) Count() uint64 { return f.count }

// provenValue is value i of a leaf, which the walk has looked at.
func provenValue(n *Node, i int) Value {
	v, err := nodeValue(n, i)
	if err != nil { // the parser of nodes and that of CIDs disagree
		return Value{Size: n.Size(i)}
	}
	return v
}

// Tree returns the tree as far as it is proven. Whatever is read from it is as
// true as the facts are, and all ways of reading are open: a key asked for may be
// got, a part of a range gone through, two such trees compared. What cannot be
// told from the blocks of the proof is an error that wraps ErrMissing, never
// ErrNotFound.
func (f *Facts) Tree() Tree {
	s := &provenStore{nodes: make(map[codec.Hash]*Node, len(f.nodes)), blobs: f.blobs}
	for _, n := range f.nodes {
		s.nodes[n.hash] = n.node
	}
	t := Tree{ns: s, root: Addr{Hash: f.root}}
	if len(f.nodes) > 0 { // else f comes from no proof
		root := f.nodes[0].node
		t.level = root.Level()
		t.count, t.bytes = root.Sums()
	}
	return t
}

// provenStore holds the blocks of a proof.
type provenStore struct {
	nodes map[codec.Hash]*Node
	blobs map[string][]byte
}

func (s *provenStore) LoadNode(_ context.Context, a Addr) (*Node, error) {
	if n := s.nodes[a.Hash]; n != nil {
		return n, nil
	}
	return nil, fmt.Errorf("%w: node %v is not a part of the proof", ErrMissing, a.Hash)
}

func (s *provenStore) ReadNode(ctx context.Context, a Addr) ([]byte, []Hint, error) {
	n, err := s.LoadNode(ctx, a)
	if err != nil {
		return nil, nil, err
	}
	return n.Block(), nil, nil
}

func (s *provenStore) ReadBlob(_ context.Context, c cid.Cid) (io.ReadCloser, error) {
	b, ok := s.blobs[c.KeyString()]
	if !ok {
		return nil, fmt.Errorf("%w: block %v is not a part of the proof", ErrMissing, c)
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (s *provenStore) WriteNode(context.Context, codec.Hash, []byte, []Hint) (Hint, error) {
	return Hint{}, errProofReadOnly
}

func (s *provenStore) WriteBlob(context.Context, cid.Cid, []byte) error { return errProofReadOnly }

// errProofReadOnly answers what would write into a proof.
var errProofReadOnly = errors.New("prolly: a proof cannot be written to")
