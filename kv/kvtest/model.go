package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// TestModel does random operations to a store and to memkv, and compares what
// both answer and hold. newPlace is called for each sequence of operations. A
// failure prints the operations and how to repeat them.
func (s Suite) TestModel(t *testing.T, newPlace func() Opener) {
	rapid.Check(t, func(r *rapid.T) {
		m := &model{Suite: s, opener: newPlace(), model: memkv.New()}
		m.open(r)
		defer func() { _ = m.store.Close() }()
		r.Repeat(map[string]func(*rapid.T){
			"":       m.compare,
			"batch":  m.batch,
			"batch2": m.batch, // batches are what most goes wrong in
			"sync":   m.sync,
			"reopen": m.reopen,
			"check":  m.check,
			"sweep":  m.sweep,
		})
	})
}

// model is the store under test and the one that knows better.
type model struct {
	Suite
	opener Opener
	store  kv.Store
	model  *memkv.Store
	hints  [modelNodes]kv.Hint // as the store gave them, in whatever handle
}

// The few names there are, so that operations meet.
const (
	modelNodes = 12
	modelBlobs = 6
	modelSeqs  = 14
)

var modelRefs = []string{"a", "ab", "b\x00"}

func (m *model) open(r *rapid.T) {
	st, err := m.opener()
	if err != nil {
		r.Fatalf("open: %v", err)
	}
	m.store = st
}

func (m *model) reopen(r *rapid.T) {
	if err := m.store.Close(); err != nil {
		r.Fatalf("close: %v", err)
	}
	m.open(r)
}

func (m *model) sync(r *rapid.T) {
	if err := m.store.Sync(bg); err != nil {
		r.Fatalf("sync: %v", err)
	}
}

// batch draws a batch, does it to both, and compares the outcomes.
func (m *model) batch(r *rapid.T) {
	real, known := m.store.NewBatch(), m.model.NewBatch()
	for range rapid.IntRange(0, 6).Draw(r, "calls") {
		m.call(r, real, known)
	}
	if rapid.IntRange(0, 9).Draw(r, "drop") == 0 {
		if err := errors.Join(real.Close(), known.Close()); err != nil {
			r.Fatalf("close of a batch: %v", err)
		}
		return
	}
	m.same(r, "commit", real.Commit(bg), known.Commit(bg))
}

// call draws a call on a batch, makes it on both, and compares the outcomes.
func (m *model) call(r *rapid.T, real, known kv.Batch) {
	ref := rapid.SampledFrom(modelRefs).Draw(r, "ref")
	if rapid.IntRange(0, 3).Draw(r, "same ref") > 0 {
		ref = modelRefs[0]
	}
	seq := uint64(rapid.IntRange(0, modelSeqs).Draw(r, "seq"))
	switch rapid.SampledFrom([]string{"node", "blob", "swap", "append", "trim"}).Draw(r, "call") {
	case "node":
		i := rapid.IntRange(0, modelNodes-1).Draw(r, "node")
		h, block := testNode(i)
		children := make([]kv.Hint, rapid.IntRange(0, 3).Draw(r, "children"))
		at, err := real.PutNode(h, block, children)
		m.hints[i] = at
		_, known := known.PutNode(h, block, children)
		m.same(r, "put node", err, known)
	case "blob":
		c, block := testBlob(rapid.IntRange(0, modelBlobs-1).Draw(r, "blob"))
		m.same(r, "put blob", real.PutBlob(c, block), known.PutBlob(c, block))
	case "swap":
		old, next := m.oldValue(r, ref), drawValue(r, "next")
		m.same(r, "swap", real.SwapRef(ref, old, next), known.SwapRef(ref, old, next))
	case "append":
		data := logData(seq)
		m.same(r, "append", real.AppendLog(ref, seq, data), known.AppendLog(ref, seq, data))
	case "trim":
		m.same(r, "trim", real.TrimLog(ref, seq), known.TrimLog(ref, seq))
	}
}

// oldValue is mostly what the ref has.
func (m *model) oldValue(r *rapid.T, ref string) []byte {
	if rapid.IntRange(0, 4).Draw(r, "stale") == 0 {
		return drawValue(r, "old")
	}
	old, err := m.model.ReadRef(bg, ref)
	if err != nil {
		return nil
	}
	return old
}

func drawValue(r *rapid.T, label string) []byte {
	return rapid.SampledFrom([][]byte{nil, {}, []byte("x"), bytes.Repeat([]byte("y"), 300)}).Draw(r, label)
}

// same fails unless both errors are the same sentinel, or none.
func (m *model) same(r *rapid.T, what string, real, known error) {
	for _, target := range []error{kv.ErrConflict, kv.ErrSequence, kv.ErrBatch, kv.ErrName, kv.ErrNotFound} {
		if errors.Is(real, target) != errors.Is(known, target) {
			r.Fatalf("%s: %v, the model says %v", what, real, known)
		}
	}
	if (real == nil) != (known == nil) {
		r.Fatalf("%s: %v, the model says %v", what, real, known)
	}
}

// sweep keeps the nodes and blobs of a drawn set.
func (m *model) sweep(r *rapid.T) {
	st, ok := m.store.(kv.Sweeper)
	if !ok {
		return
	}
	nodes, blobs := map[codec.Hash]bool{}, map[string]bool{}
	for i := range modelNodes {
		h, _ := testNode(i)
		nodes[h] = rapid.Bool().Draw(r, "keep node")
	}
	for i := range modelBlobs {
		c, _ := testBlob(i)
		blobs[string(c.Hash())] = rapid.Bool().Draw(r, "keep blob")
	}
	keep := kv.Keep{
		Node: func(h codec.Hash) bool { return nodes[h] },
		Blob: func(key []byte) bool { return blobs[string(key)] },
	}
	got, err := st.Sweep(bg, keep)
	want, known := m.model.Sweep(bg, keep)
	m.same(r, "sweep", err, known)
	if got != want {
		r.Fatalf("swept %+v, the model %+v", got, want)
	}
}

// compare reads everything from both.
func (m *model) compare(r *rapid.T) {
	if got, want := m.describe(r, m.store), m.describe(r, m.model); got != want {
		r.Fatalf("the store differs from the model:\n%s", firstDifference(got, want))
	}
}

func (m *model) check(r *rapid.T) {
	if err := checkStore(m.store); err != nil {
		r.Fatalf("check: %v", err)
	}
}

// describe is all that a store holds.
func (m *model) describe(r *rapid.T, st kv.Store) string {
	var b bytes.Buffer
	refs, err := all(st.ListRefs(bg, ""))
	fmt.Fprintf(&b, "refs %q %v\n", refs, err)
	for _, ref := range modelRefs {
		value, err := st.ReadRef(bg, ref)
		fmt.Fprintf(&b, "ref %q %q %v\n", ref, value, errors.Is(err, kv.ErrNotFound))
		records, err := all(st.ReadLog(bg, ref, 3))
		fmt.Fprintf(&b, "log %q %v %v\n", ref, records, err)
	}
	for i := range modelNodes {
		h, _ := testNode(i)
		for _, at := range []kv.Hint{{}, m.hints[i]} {
			n, err := st.ReadNode(bg, h, at)
			if m.NoHints || at != (kv.Hint{}) {
				n.Children = nil // an older copy has older ones
			}
			fmt.Fprintf(&b, "node %d %v %d %v\n", i, codec.Sum(n.Block), len(n.Children), errors.Is(err, kv.ErrNotFound))
		}
	}
	for i := range modelBlobs {
		c, _ := testBlob(i)
		block, err := st.ReadBlob(bg, c)
		has, e := st.HasBlob(bg, c)
		fmt.Fprintf(&b, "blob %d %v %v %v %v\n", i, codec.Sum(block), has, errors.Is(err, kv.ErrNotFound), e)
	}
	return b.String()
}
