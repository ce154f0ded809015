package prolly

import (
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// proofWalk reads the answer to a question off a tree. Whoever makes a proof
// walks over a store and keeps what is read; whoever verifies it walks over the
// proof. That both are the same walk is why a proof holds all that is needed and
// nothing else, in one order.
type proofWalk struct {
	src   proofSource
	q     *codec.Question
	facts *Facts
	left  uint64            // entries wanted yet, under a limit
	known map[string]uint64 // bytes in and below each block of values that was read, by CID

	key, bound []byte // scratch
}

// proofSource gives the blocks of a tree, each of which is asked for once. They
// hash to what they are asked for by.
type proofSource interface {
	node(a Addr) (*Node, error)
	blob(link []byte, size uint64) ([]byte, error)
}

// fence is item i of an inner node: a key that all keys of some node are below.
// Without a node it is no bound.
type fence struct {
	n *Node
	i int
}

// run reads the answer off the tree under root into w.facts.
func (w *proofWalk) run(root Addr) error {
	n, err := w.src.node(root)
	if err != nil {
		return err
	}
	q := w.q
	switch q.Ask {
	case codec.AskKeys, codec.AskRank:
		w.facts.keys = make([]keyAnswer, 0, len(q.Keys))
		return w.keys(n, fence{}, q.Keys, 0)
	case codec.AskAt:
		if total, _ := n.Sums(); q.Index >= total {
			return nil
		}
		return w.at(n, fence{}, q.Index)
	}
	if len(q.To) > 0 && string(q.From) >= string(q.To) {
		return nil
	}
	if q.Ask == codec.AskCount {
		return w.count(n, fence{})
	}
	w.left = q.Limit
	return w.span(n, fence{})
}

// child enters child i of n, all of whose keys are below to, and checks that it
// is what n says of it (P2, P3).
func (w *proofWalk) child(n *Node, i int, to fence) (*Node, fence, error) {
	a := n.Addr(i)
	c, err := w.src.node(a)
	if err != nil {
		return nil, to, err
	}
	if i+1 < n.Len() {
		to = fence{n, i + 1}
	}
	if what := w.mismatch(n, i, c, to); what != "" {
		return nil, to, fmt.Errorf("%w: node %v: %s", ErrCorrupt, a.Hash, what)
	}
	return c, to, nil
}

// mismatch says in what c is not the child i that n names; "" when it is.
func (w *proofWalk) mismatch(n *Node, i int, c *Node, to fence) string {
	if c.Level() != n.Level()-1 {
		return fmt.Sprintf("level %d under level %d", c.Level(), n.Level())
	}
	if c.Len() == 0 || c.Weight() < codec.MinWeight {
		return fmt.Sprintf("it weighs %d, less than %d", c.Weight(), codec.MinWeight)
	}
	if w.key = n.AppendKey(w.key[:0], i); compareKey(c, 0, w.key) != 0 {
		return "its first key is not the one its parent names"
	}
	if to.n != nil {
		if w.bound = to.n.AppendKey(w.bound[:0], to.i); compareKey(c, c.Len()-1, w.bound) >= 0 {
			return "keys reach into the next node"
		}
	}
	if count, size := c.Sums(); count != n.Count(i) || size != n.Bytes(i) {
		return fmt.Sprintf("it holds %d entries and %d bytes, its parent counts %d and %d", count, size, n.Count(i), n.Bytes(i))
	}
	return ""
}

// keys looks ascending keys up below n, before which there are rank entries.
func (w *proofWalk) keys(n *Node, to fence, keys [][]byte, rank uint64) error {
	if n.Level() == 0 {
		return w.keysOfLeaf(n, keys, rank)
	}
	at := 0
	for len(keys) > 0 {
		i := n.childFor(keys[0])
		for ; at < i; at++ {
			rank += n.Count(at)
		}
		end := 1
		for end < len(keys) && (i+1 == n.Len() || compareKey(n, i+1, keys[end]) > 0) {
			end++
		}
		c, to, err := w.child(n, i, to)
		if err == nil {
			err = w.keys(c, to, keys[:end], rank)
		}
		if err != nil {
			return err
		}
		keys = keys[end:]
	}
	return nil
}

func (w *proofWalk) keysOfLeaf(n *Node, keys [][]byte, rank uint64) error {
	for _, k := range keys {
		i, found := n.Find(k)
		w.facts.keys = append(w.facts.keys, keyAnswer{k, n, i, found, rank + uint64(i)})
		if found && w.q.Ask == codec.AskKeys {
			if err := w.value(n, i); err != nil {
				return err
			}
		}
	}
	return nil
}

// children returns the children of n, from first to last, where keys of the
// question's span can be: at least one.
func (w *proofWalk) children(n *Node) (first, last int) {
	if len(w.q.From) > 0 {
		first = n.childFor(w.q.From)
	}
	last = n.Len() - 1
	if len(w.q.To) > 0 {
		i, _ := n.Find(w.q.To)
		last = max(first, i-1)
	}
	return first, last
}

// items returns the entries of a leaf, from first up to end, that are in the
// question's span.
func (w *proofWalk) items(n *Node) (first, end int) {
	if len(w.q.From) > 0 {
		first, _ = n.Find(w.q.From)
	}
	end = n.Len()
	if len(w.q.To) > 0 {
		end, _ = n.Find(w.q.To)
	}
	return first, max(first, end)
}

// span gathers all entries below n from From up to To, or as many as the limit
// leaves.
func (w *proofWalk) span(n *Node, to fence) error {
	if n.Level() == 0 {
		return w.spanOfLeaf(n)
	}
	i, last, step := 0, 0, 1
	if i, last = w.children(n); w.q.Reverse {
		i, last, step = last, i, -1
	}
	for ; ; i += step {
		c, to, err := w.child(n, i, to)
		if err == nil {
			err = w.span(c, to)
		}
		if err != nil || i == last || w.done() {
			return err
		}
	}
}

// done tells whether the limit is reached.
func (w *proofWalk) done() bool { return w.q.Limit > 0 && w.left == 0 }

func (w *proofWalk) spanOfLeaf(n *Node) error {
	first, end := w.items(n)
	if w.q.Limit > 0 {
		if uint64(end-first) > w.left {
			if w.q.Reverse {
				first = end - int(w.left)
			} else {
				end = first + int(w.left)
			}
		}
		w.left -= uint64(end - first)
	}
	if first == end {
		return nil
	}
	w.facts.spans = append(w.facts.spans, leafSpan{n, first, end})
	if !n.HasOutOfLine() {
		return nil
	}
	for k := range end - first {
		i := first + k
		if w.q.Reverse {
			i = end - 1 - k
		}
		if err := w.value(n, i); err != nil {
			return err
		}
	}
	return nil
}

// count adds up what is below n from From up to To. It enters the children that
// reach over one of the two, and takes n's word for those between.
func (w *proofWalk) count(n *Node, to fence) error {
	if n.Level() == 0 {
		first, end := w.items(n)
		w.facts.count += uint64(end - first)
		return nil
	}
	first, last := w.children(n)
	for i := first; i <= last; i++ {
		if w.covered(n, i, to, i == first, i == last) {
			w.facts.count += n.Count(i)
			continue
		}
		c, to, err := w.child(n, i, to)
		if err == nil {
			err = w.count(c, to)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// covered tells whether all keys below child i of n, which end before to, are in
// the question's span: by the keys in n alone.
func (w *proofWalk) covered(n *Node, i int, to fence, first, last bool) bool {
	q := w.q
	if first && len(q.From) > 0 && compareKey(n, i, q.From) < 0 {
		return false
	}
	if !last || len(q.To) == 0 {
		return true
	}
	if i+1 < n.Len() {
		to = fence{n, i + 1}
	}
	return to.n != nil && compareKey(to.n, to.i, q.To) <= 0
}

// at goes down to the entry of n before which there are index others in n.
func (w *proofWalk) at(n *Node, to fence, index uint64) error {
	if n.Level() == 0 {
		i := int(index) // below the number of entries that the parent counts
		w.facts.spans = append(w.facts.spans, leafSpan{n, i, i + 1})
		return w.value(n, i)
	}
	i := 0
	for index >= n.Count(i) {
		index -= n.Count(i)
		i++
	}
	c, to, err := w.child(n, i, to)
	if err != nil {
		return err
	}
	return w.at(c, to, index)
}

// value looks at value i of a leaf, which is a part of the answer, and at its
// blocks when those are asked for.
func (w *proofWalk) value(n *Node, i int) error {
	if n.Kind(i) != codec.Inline {
		if _, err := nodeValue(n, i); err != nil {
			return err
		}
	}
	if n.Kind(i) != codec.Blob || !w.q.Blobs {
		return nil
	}
	return w.blob(n.Link(i), n.Size(i), 0)
}

// blob reads the block of a value, or of a part of one, that has size bytes,
// and what is below it. One that was read before is not read again.
func (w *proofWalk) blob(link []byte, size uint64, depth int) error {
	has, known := w.known[string(link)]
	if !known {
		b, err := w.src.blob(link, size)
		if err != nil {
			return err
		}
		if w.known == nil {
			w.known = map[string]uint64{}
		}
		w.known[string(link)] = size
		if !isRaw(link) {
			return w.list(b, size, depth)
		}
		has = uint64(len(b))
	}
	if has != size {
		return fmt.Errorf("%w: a block of %d bytes where %d are named", ErrCorrupt, has, size)
	}
	return nil
}

func (w *proofWalk) list(b []byte, size uint64, depth int) error {
	if depth == maxListDepth {
		return fmt.Errorf("%w: chunk lists nested deeper than %d", ErrCorrupt, maxListDepth)
	}
	l, err := codec.ParseChunkList(b)
	if err != nil {
		return fmt.Errorf("%w: chunk list: %w", ErrCorrupt, err)
	}
	if l.Total != size {
		return fmt.Errorf("%w: a chunk list of %d bytes where %d are named", ErrCorrupt, l.Total, size)
	}
	for i, c := range l.Links {
		if err := w.blob(c.Bytes(), l.Lengths[i], depth+1); err != nil {
			return err
		}
	}
	return nil
}
