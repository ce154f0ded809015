package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Build makes a tree of entries that strictly ascend by key, in one pass: it
// holds a window of each level, not the entries. What was made against the hash,
// so that it cannot be cut in time, goes to temporary files (os.TempDir) beyond
// 1 MiB a level. Entries out of order are ErrUnsorted; an error of the sequence
// ends the build and is returned. The bytes of an entry need to be valid only
// until the next one is asked for.
func Build(ctx context.Context, ns NodeStore, sorted iter.Seq2[Entry, error]) (Tree, error) {
	return newBuilder(ctx, ns).build(sorted)
}

// clip keeps keys in messages short.
func clip(key []byte) []byte { return key[:min(len(key), 64)] }

// builder makes whole levels, each fed by the one below.
type builder struct {
	w      nodeWriter
	arena  arena
	levels []*levelBuilder
	leaf   *levelBuilder // levels[0]; the pipe's goroutine has the others
	pipe   *leafPipe     // nil until the build is large

	bound   bound
	spillAt uint64                   // weight of a gap held in memory
	temp    func() (tempFile, error) // makes the files beyond
}

func newBuilder(ctx context.Context, ns NodeStore) *builder {
	return &builder{w: nodeWriter{ctx: ctx, ns: ns}, spillAt: spillWeight, temp: openTemp}
}

// build is Build.
func (b *builder) build(sorted iter.Seq2[Entry, error]) (t Tree, err error) {
	in := b.builder()
	defer func() {
		if cerr := in.Close(); cerr != nil {
			err = errors.Join(err, cerr)
		}
	}()
	for e, err := range sorted {
		if err == nil {
			err = in.Add(e)
		}
		if err != nil {
			return Tree{}, err
		}
	}
	return in.Finish()
}

// levelBuilder turns the items of a level into nodes.
type levelBuilder struct {
	items items
	chunk chunker
	spill *spill // the beginning of a heavy gap, whose end items and chunk hold
	arena arena  // keys of children
	nodes int    // written so far
	only  child  // while nodes is 1
}

// level returns the builder of level l.
func (b *builder) level(l int) (*levelBuilder, error) {
	for len(b.levels) <= l {
		if len(b.levels) > codec.MaxLevel {
			return nil, fmt.Errorf("%w: more than %d levels", ErrTooLarge, codec.MaxLevel)
		}
		lb := &levelBuilder{}
		lb.items.reset(len(b.levels))
		b.levels = append(b.levels, lb)
	}
	if b.leaf == nil {
		b.leaf = b.levels[0]
	}
	return b.levels[l], nil
}

func (b *builder) addLeaf(e codec.LeafEntry) error {
	if b.leaf == nil {
		if _, err := b.level(0); err != nil {
			return err
		}
	}
	b.leaf.items.leaf = append(b.leaf.items.leaf, e)
	return b.pushed(0, b.leaf)
}

// addChild copies the key: the memory it stands in may be full of entries.
func (b *builder) addChild(l int, c child) error {
	lb, err := b.level(l)
	if err != nil {
		return err
	}
	c.Key = lb.arena.clone(c.Key)
	lb.items.inner = append(lb.items.inner, c.InnerEntry)
	lb.items.hints = append(lb.items.hints, c.hint)
	return b.pushed(l, lb)
}

// pushed lets the chunker see the newest item and writes what has become
// certain.
func (b *builder) pushed(l int, lb *levelBuilder) error {
	i := lb.items.len() - 1
	lb.chunk.push(priority1(l, lb.items.key(i)), lb.items.weight(i))
	return b.settle(l, lb)
}

// settle writes the nodes of gaps that have ended, and keeps one that has not
// from filling memory.
func (b *builder) settle(l int, lb *levelBuilder) error {
	for n := lb.chunk.cut(); n > 0; n = lb.chunk.cut() {
		if err := b.gap(l, lb, n); err != nil {
			return err
		}
	}
	if err := b.bound.open(l, lb.chunk.weight()); err != nil {
		return err
	}
	if lb.chunk.held() > b.spillAt {
		return b.shed(l, lb)
	}
	return nil
}

// gap writes the nodes of the gap that ends with the first n items in memory, at
// a stage-1 cut or at the end of the level.
func (b *builder) gap(l int, lb *levelBuilder, n int) error {
	if err := b.bound.gap(l, lb.chunk.offset(n)-lb.chunk.origin); err != nil {
		return err
	}
	if lb.spill != nil {
		if l == 0 && b.pipe != nil {
			if err := b.pipe.drain(); err != nil {
				return err
			}
		}
		return b.spilledGap(l, lb, n)
	}
	if b.wantsPipe(l, lb) {
		b.pipe = newLeafPipe(b, lb)
	}
	lo := 0
	for _, hi := range lb.chunk.split(n) {
		if err := b.node(l, lb, lo, hi); err != nil {
			return err
		}
		lo = hi
	}
	lb.items.drop(n)
	lb.chunk.drop(n)
	return nil
}

// node makes a node of items [lo, hi), or lets the pipe make it.
func (b *builder) node(l int, lb *levelBuilder, lo, hi int) error {
	if l == 0 && b.pipe != nil {
		return b.pipe.add(&lb.items, lo, hi)
	}
	c, err := b.w.write(&lb.items, lo, hi)
	if err != nil {
		return err
	}
	return b.emit(l, lb, c)
}

// emit gives a finished node to the level above, once it is clear that there
// is one.
func (b *builder) emit(l int, lb *levelBuilder, c child) error {
	if lb.nodes++; lb.nodes == 1 {
		lb.only = c
		lb.only.Key = bytes.Clone(c.Key)
		return nil
	}
	if lb.nodes == 2 {
		if err := b.addChild(l+1, lb.only); err != nil {
			return err
		}
	}
	return b.addChild(l+1, c)
}

// finish ends every level. The first one of a single node is the root.
func (b *builder) finish() (Tree, error) {
	if b.leaf != nil {
		// The other levels are the pipe's until it is drained.
		err := b.end(0, b.leaf)
		if err == nil && b.pipe != nil {
			err = b.pipe.drain()
		}
		if err != nil {
			return Tree{}, b.failed(err)
		}
	}
	for l := 0; l < len(b.levels); l++ {
		lb := b.levels[l]
		if err := b.end(l, lb); err != nil {
			return Tree{}, b.failed(err)
		}
		if lb.nodes == 1 {
			return newTree(b.w.ns, lb.only, l), nil
		}
	}
	root, err := b.w.empty()
	return Tree{ns: b.w.ns, root: root}, err
}

// end makes nodes of all that is left of a level.
func (b *builder) end(l int, lb *levelBuilder) error {
	if err := b.settle(l, lb); err != nil {
		return err
	}
	if n := lb.items.len(); n > 0 {
		return b.gap(l, lb, n)
	}
	return nil
}
