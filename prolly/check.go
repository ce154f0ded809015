package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Problem is something a check found wrong. It wraps ErrCorrupt or ErrMissing,
// or whatever error the store gave.
type Problem struct {
	Node codec.Hash // the node at fault, or above the blob at fault
	// From is the first key that the damage touches; To is the first one after
	// it that it does not, nil when there is none.
	From, To []byte
	Err      error
}

func (p Problem) Error() string { return fmt.Sprintf("node %v: %v", p.Node, p.Err) }
func (p Problem) Unwrap() error { return p.Err }

// CheckOptions says how far a check goes.
type CheckOptions struct {
	Blobs bool // read and verify every value out of line too, chunking included

	// MaxGap is the heaviest stretch without a stage-1 cut that is accepted, in
	// weight; 0: any. A heavier one was made against the hash: the tree is well
	// formed, but an edit may cost as much as the gap is large. It is reported as
	// ErrTooLarge, and its level is not judged further. A level of one node
	// has no gap.
	MaxGap uint64
}

// DefaultMaxGap is the MaxGap for trees from others. By chance the longest gap
// among 2 million entries was 12 W.
const DefaultMaxGap = 256 * minWeight

// Check reads every node of the tree around any cache and verifies all that
// FORMAT.md asks: hashes, canonical form, levels, first keys, sums, weights,
// and that every cut is where the rule puts it. It reports each problem and goes on;
// below a damaged node of a level cuts can no longer be judged, and are not. It
// holds a path and a window a level. The error is ctx's or the report's.
func (t Tree) Check(ctx context.Context, o CheckOptions, report func(Problem) error) error {
	c := checker{ctx: ctx, ns: t.ns, o: o, report: report, levels: make([]levelCheck, t.level+1)}
	for l := range c.levels {
		c.levels[l].level = l
	}
	n, err := c.node(t.root, t.level, nil, nil)
	if n == nil || err != nil {
		return err
	}
	if count, size := n.Sums(); count != t.count || size != t.bytes {
		err = c.problem(t.root.Hash, nil, nil, "%w: the root counts %d entries and %d bytes, not %d and %d", ErrCorrupt, count, size, t.count, t.bytes)
	}
	if err == nil {
		err = c.below(t.root, n, nil)
	}
	if err != nil {
		return err
	}
	return c.ends(t)
}

type checker struct {
	ctx    context.Context
	ns     NodeStore
	o      CheckOptions
	report func(Problem) error
	levels []levelCheck
	key    []byte
}

func (c *checker) problem(h codec.Hash, from, to []byte, format string, args ...any) error {
	return c.report(Problem{h, bytes.Clone(from), bytes.Clone(to), fmt.Errorf(format, args...)})
}

// node reads one node; nil when it cannot be had, which is reported.
func (c *checker) node(a Addr, level int, from, to []byte) (*Node, error) {
	if err := c.ctx.Err(); err != nil {
		return nil, err
	}
	n, err := ReadNode(c.ctx, c.ns, a)
	if err == nil && n.Level() != level {
		err = fmt.Errorf("%w: level %d where its parent needs %d", ErrCorrupt, n.Level(), level)
	}
	if err != nil {
		if cerr := c.ctx.Err(); cerr != nil {
			return nil, cerr
		}
		for l := 0; l <= level; l++ {
			c.levels[l].blind = true
		}
		return nil, c.report(Problem{a.Hash, bytes.Clone(from), bytes.Clone(to), err})
	}
	return n, nil
}

// below checks what stands in and under a node, all of whose keys are less
// than to.
func (c *checker) below(a Addr, n *Node, to []byte) error {
	if err := c.cuts(a, n); err != nil {
		return err
	}
	if n.Len() > 0 && to != nil && compareKey(n, n.Len()-1, to) >= 0 {
		if err := c.problem(a.Hash, n.AppendKey(nil, 0), to, "%w: keys reach into the next node", ErrCorrupt); err != nil {
			return err
		}
	}
	for i := range n.Len() {
		var err error
		if n.Level() == 0 {
			err = c.value(a, n, i)
		} else {
			err = c.child(n, i, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (c *checker) child(n *Node, i int, to []byte) error {
	from := n.AppendKey(nil, i)
	if i+1 < n.Len() {
		to = n.AppendKey(nil, i+1)
	}
	a := n.Addr(i)
	m, err := c.node(a, n.Level()-1, from, to)
	if m == nil || err != nil {
		return err
	}
	if m.Len() == 0 || compareKey(m, 0, from) != 0 {
		err = c.problem(a.Hash, from, to, "%w: its first key is not the one its parent names", ErrCorrupt)
	}
	if count, size := m.Sums(); err == nil && (count != n.Count(i) || size != n.Bytes(i)) {
		err = c.problem(a.Hash, from, to, "%w: it holds %d entries and %d bytes, its parent counts %d and %d", ErrCorrupt, count, size, n.Count(i), n.Bytes(i))
	}
	if err != nil {
		return err
	}
	return c.below(a, m, to)
}

// value verifies a value out of line.
func (c *checker) value(a Addr, n *Node, i int) error {
	if !c.o.Blobs || n.Kind(i) != codec.Blob {
		return nil
	}
	err := CheckBlob(c.ctx, c.ns, n.Link(i), n.Size(i))
	if err == nil || c.ctx.Err() != nil {
		return c.ctx.Err()
	}
	key := n.AppendKey(nil, i)
	return c.report(Problem{a.Hash, key, append(bytes.Clone(key), 0), err})
}

// levelCheck runs the boundary rule beside the nodes of a level.
type levelCheck struct {
	level  int
	chunk  chunker
	starts []int // where stored nodes begin, among the items held
	blind  bool
	nodes  int
}

// cuts feeds a node's items to the rule and compares what is certain.
func (c *checker) cuts(a Addr, n *Node) error {
	l := &c.levels[n.Level()]
	l.nodes++
	if l.blind || n.Len() == 0 {
		return nil
	}
	l.starts = append(l.starts, l.chunk.len())
	for i := range n.Len() {
		c.key = n.AppendKey(c.key[:0], i)
		l.chunk.push(priority1(l.level, c.key), n.ItemWeight(i))
		for k := l.chunk.cut(); k > 0; k = l.chunk.cut() {
			if l.chunk.offset(k)-l.chunk.origin > c.maxGap() {
				return c.heavy(l, a.Hash)
			}
			if !l.settle(k) {
				l.blind = true
				return c.problem(a.Hash, n.AppendKey(nil, 0), nil, "%w: level %d is not cut where the rule cuts it, here or just before", ErrCorrupt, l.level)
			}
		}
		// What stage 1 may still cut lies less than W back.
		if w := l.chunk.weight(); w > minWeight && w-minWeight > c.maxGap() {
			return c.heavy(l, a.Hash)
		}
	}
	return nil
}

// maxGap is MaxGap as the check needs it.
func (c *checker) maxGap() uint64 {
	if c.o.MaxGap == 0 {
		return math.MaxUint64
	}
	return max(c.o.MaxGap, maxWeight)
}

// heavy reports a gap beyond MaxGap and gives up the level.
func (c *checker) heavy(l *levelCheck, h codec.Hash) error {
	l.blind = true
	l.chunk, l.starts = chunker{}, nil
	return c.problem(h, nil, nil, "%w: a stage-1 gap of level %d weighs more than %d", ErrTooLarge, l.level, c.maxGap())
}

// settle compares the cuts among the first k items with the stored ones.
func (l *levelCheck) settle(k int) bool {
	lo := 0
	for _, hi := range l.chunk.split(k) {
		if len(l.starts) == 0 || l.starts[0] != lo {
			return false
		}
		l.starts = l.starts[1:]
		lo = hi
	}
	for i := range l.starts {
		l.starts[i] -= k
	}
	l.chunk.drop(k)
	return len(l.starts) == 0 || l.starts[0] >= 0
}

// ends settles what is left of every level.
func (c *checker) ends(t Tree) error {
	for i := range c.levels {
		l := &c.levels[i]
		if l.blind {
			continue
		}
		ok := true
		if n := l.chunk.len(); n > 0 {
			if l.chunk.weight() > c.maxGap() {
				if err := c.heavy(l, t.root.Hash); err != nil {
					return err
				}
				continue
			}
			ok = l.settle(n) && len(l.starts) == 0
		}
		if i < t.level && l.nodes == 1 {
			ok = false // a level of one node is the root
		}
		if !ok {
			if err := c.problem(t.root.Hash, nil, nil, "%w: level %d does not end as the rule ends it", ErrCorrupt, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// errWrongChunks: right content in a wrong shape.
var errWrongChunks = errors.New("value is not chunked as the format demands")

// CheckBlob reads an out-of-line value of size bytes, by the CID in binary of its
// root block, and verifies its hashes, lengths and chunking.
func CheckBlob(ctx context.Context, ns NodeStore, link []byte, size uint64) error {
	r, err := OpenBlob(ctx, ns, link, size)
	if err != nil {
		return err
	}
	defer r.Close()
	_, c, err := cid.CidFromBytes(link)
	if err != nil {
		return fmt.Errorf("%w: link of a blob: %w", ErrCorrupt, err)
	}
	if size <= codec.MaxBlob {
		b := make([]byte, 1)
		_, err := r.Read(b)
		return err
	}
	got, err := writeChunks(ctx, nowhere{ns}, r)
	if err != nil {
		return err
	}
	if !got.Equals(c) {
		return fmt.Errorf("%w: %w: root block %v, by the rule %v", ErrCorrupt, errWrongChunks, c, got)
	}
	return nil
}

// nowhere drops what is written.
type nowhere struct{ NodeStore }

func (nowhere) WriteBlob(context.Context, cid.Cid, []byte) error { return nil }
