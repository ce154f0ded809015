package kv_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// The seams experiment: do kv.Store, prolly.NodeStore and the ref record carry
// what stands on them, over three stores that have nothing in common? What it
// found is in docs/decisions/0001-seams.md.

var ctx = context.Background()

var fakes = map[string]func() fake{
	"physical ids":         newPhysical,
	"packs in a bucket":    newPacks,
	"a go-datastore (map)": newPlain,
}

// adapter is a throwaway prolly.NodeStore over a kv.Store. What it writes goes
// into one batch, and is there to be read before the batch is committed.
type adapter struct {
	s     kv.Store
	batch kv.Batch
	fresh map[codec.Hash]kv.Node
	blobs map[string][]byte
	reads int // nodes asked of the store
}

func adapt(s kv.Store) *adapter {
	return &adapter{s: s, batch: s.NewBatch(), fresh: map[codec.Hash]kv.Node{}, blobs: map[string][]byte{}}
}

func (a *adapter) ReadNode(ctx context.Context, at prolly.Addr) ([]byte, []prolly.Hint, error) {
	n, ok := a.fresh[at.Hash]
	if !ok {
		var err error
		a.reads++
		if n, err = a.s.ReadNode(ctx, at.Hash, at.Hint); err != nil {
			return nil, nil, missing(err)
		}
	}
	return n.Block, n.Children, nil
}

func missing(err error) error {
	if errors.Is(err, kv.ErrNotFound) {
		return fmt.Errorf("%w: %w", prolly.ErrMissing, err)
	}
	return err
}

func (a *adapter) WriteNode(_ context.Context, h codec.Hash, block []byte, children []prolly.Hint) (prolly.Hint, error) {
	hints := slices.Clone(children)
	at, err := a.batch.PutNode(h, block, hints)
	a.fresh[h] = kv.Node{Block: bytes.Clone(block), Children: hints}
	return at, err
}

func (a *adapter) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	b, ok := a.blobs[string(c.Hash())]
	if !ok {
		var err error
		if b, err = a.s.ReadBlob(ctx, c); err != nil {
			return nil, missing(err)
		}
	}
	return io.NopCloser(bytes.NewReader(b)), nil
}

func (a *adapter) WriteBlob(_ context.Context, c cid.Cid, block []byte) error {
	a.blobs[string(c.Hash())] = bytes.Clone(block)
	return a.batch.PutBlob(c, block)
}

// ref is the record of a branch: two named roots, with hints, and how much of
// the log they contain.
type ref struct {
	Tree, Side prolly.Addr
	Folded     uint64
}

func (r ref) encode() []byte { return mustJSON(r) }

func mustJSON(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

func readRef(t *testing.T, s kv.Store) (r ref, raw []byte) {
	t.Helper()
	raw, err := s.ReadRef(ctx, "main")
	if err == nil {
		err = json.Unmarshal(raw, &r)
	}
	if err != nil {
		t.Fatal(err)
	}
	return r, raw
}

func must[T any](t *testing.T) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func ok(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func value(i, version int) prolly.Value {
	if i%97 == 0 {
		return prolly.Value{Bytes: bytes.Repeat([]byte{byte(i), byte(version)}, 900)} // out of line
	}
	return prolly.Value{Bytes: fmt.Appendf(nil, "value %d of %d, some bytes long", version, i)}
}

func key(i int) []byte { return fmt.Appendf(nil, "/key/%06d", i) }

func puts(version int, is ...int) (edits []prolly.Edit) {
	for _, i := range is {
		edits = append(edits, prolly.Edit{Key: key(i), Value: value(i, version)})
	}
	return edits
}

const entries = 6000

// seed stores a tree of entries and a side tree, under the ref main.
func seed(t *testing.T, s kv.Store) ref {
	t.Helper()
	a := adapt(s)
	all := make([]int, entries)
	for i := range all {
		all[i] = i
	}
	tree := must[prolly.Tree](t)(prolly.Empty(a).Apply(ctx, puts(0, all...)))
	side := must[prolly.Tree](t)(prolly.Empty(a).Apply(ctx, puts(0, all[:500]...)))
	r := ref{Tree: tree.Addr(), Side: side.Addr()}
	ok(t, a.batch.SwapRef("main", nil, r.encode()))
	ok(t, a.batch.Commit(ctx))
	ok(t, s.Sync(ctx))
	return r
}

func load(t *testing.T, ns prolly.NodeStore, at prolly.Addr) prolly.Tree {
	t.Helper()
	return must[prolly.Tree](t)(prolly.LoadAt(ctx, ns, at))
}

// check walks the whole tree and verifies it.
func check(t *testing.T, tree prolly.Tree) {
	t.Helper()
	ok(t, tree.Check(ctx, prolly.CheckOptions{Blobs: true}, func(p prolly.Problem) error { return p }))
}

// TestSeamsUntouchedChildren: Apply looks up no hash of a child that it leaves
// alone. Where the store gives hints it looks up no hash at all, and the new tree
// can be walked by hints from its root.
func TestSeamsUntouchedChildren(t *testing.T) {
	for name, open := range fakes {
		t.Run(name, func(t *testing.T) {
			s := open()
			r := seed(t, s)
			s.counts()
			a := adapt(s)
			next := must[prolly.Tree](t)(load(t, a, r.Tree).Apply(ctx, puts(1, 17, 3000, 5999)))
			n := s.counts()
			if n.byHint+n.byHash != a.reads || a.reads > 30 {
				t.Errorf("Apply read %d nodes; the store looked for %d by hint and %d by hash", a.reads, n.byHint, n.byHash)
			}
			hints := name != "a go-datastore (map)"
			if hints && n.byHash > 0 {
				t.Errorf("%d hashes looked up", n.byHash)
			}
			ok(t, a.batch.Commit(ctx))
			if n := s.counts(); n.byHash > 0 {
				t.Errorf("%d hashes looked up to write", n.byHash)
			}
			check(t, load(t, adapt(s), next.Addr()))
			if n := s.counts(); hints && n.byHash > 0 {
				t.Errorf("%d hashes looked up to walk the new tree, %d nodes found by hint", n.byHash, n.byHint)
			}
		})
	}
}

// TestSeamsMovedGeneration: hints are not trusted. After nodes have moved, trees
// read as before, whether their old places are empty or taken by other nodes.
func TestSeamsMovedGeneration(t *testing.T) {
	for _, reuse := range []bool{false, true} {
		s := newPhysical().(*physical)
		r := seed(t, s)
		s.move(reuse)
		s.counts()
		a := adapt(s)
		tree := load(t, a, r.Tree)
		check(t, tree)
		n := s.counts()
		if n.byHash == 0 || reuse != (n.byHint > 0) {
			t.Errorf("places reused %v: %d nodes found by hint, %d by hash", reuse, n.byHint, n.byHash)
		}
		next := must[prolly.Tree](t)(tree.Apply(ctx, puts(1, 5, 4000)))
		ok(t, a.batch.Commit(ctx))
		check(t, load(t, adapt(s), next.Addr()))
	}
}

// TestSeamsOneSwap: one compare-and-swap moves the tree and its side root
// together; who comes second moves neither.
func TestSeamsOneSwap(t *testing.T) {
	for name, open := range fakes {
		t.Run(name, func(t *testing.T) {
			s := open()
			seed(t, s)
			r, raw := readRef(t, s)
			s.counts()
			write := func(version int) (ref, error) {
				a := adapt(s)
				next := ref{
					Tree: must[prolly.Tree](t)(load(t, a, r.Tree).Apply(ctx, puts(version, 1, 2, 3))).Addr(),
					Side: must[prolly.Tree](t)(load(t, a, r.Side).Apply(ctx, puts(version, 4))).Addr(),
				}
				ok(t, a.batch.SwapRef("main", raw, next.encode()))
				return next, a.batch.Commit(ctx)
			}
			first, err := write(1)
			ok(t, err)
			if n := s.counts(); n.swaps != 1 {
				t.Errorf("%d swaps for two roots", n.swaps)
			}
			if _, err := write(2); !errors.Is(err, kv.ErrConflict) {
				t.Errorf("second writer: %v", err)
			}
			now, _ := readRef(t, s)
			if now != first {
				t.Errorf("ref %+v, want %+v", now, first)
			}
			check(t, load(t, adapt(s), now.Tree))
			check(t, load(t, adapt(s), now.Side))
		})
	}
}

// logged is a group of edits in the log, with the root that they lead to.
type logged struct {
	Edits []struct {
		Key, Bytes []byte
	}
	Root codec.Hash
}

func (l logged) edits() (out []prolly.Edit) {
	for _, e := range l.Edits {
		out = append(out, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Bytes}})
	}
	return out
}

func logOf(edits []prolly.Edit, root codec.Hash) []byte {
	l := logged{Root: root}
	for _, e := range edits {
		l.Edits = append(l.Edits, struct{ Key, Bytes []byte }{e.Key, e.Value.Bytes})
	}
	return mustJSON(l)
}

// TestSeamsWriteBehind: edits and root are durable in the log, the nodes are not.
// A crash takes the nodes; recovery redoes the edits and arrives at the roots.
func TestSeamsWriteBehind(t *testing.T) {
	for name, open := range fakes {
		t.Run(name, func(t *testing.T) {
			s := open()
			r := seed(t, s)
			behind := adapt(s) // its batch is never committed
			tree := load(t, behind, r.Tree)
			for seq := uint64(1); seq <= 3; seq++ {
				edits := puts(int(seq), int(seq), 97*int(seq), 5000+int(seq), entries+int(seq))
				tree = must[prolly.Tree](t)(tree.Apply(ctx, edits))
				b := s.NewBatch()
				ok(t, b.AppendLog("main", seq, logOf(edits, tree.Addr().Hash)))
				ok(t, b.Commit(ctx))
				ok(t, s.Sync(ctx))
			}
			want := tree.Addr().Hash

			s = s.crash()
			if _, err := s.ReadNode(ctx, want, kv.Hint{}); !errors.Is(err, kv.ErrNotFound) {
				t.Fatalf("the nodes survived the crash: nothing to redo (%v)", err)
			}
			redo(t, s, want)
			s = s.crash()
			now, _ := readRef(t, s)
			if now.Tree.Hash != want || now.Folded != 3 {
				t.Fatalf("after another crash: %+v, want root %v", now, want)
			}
			check(t, load(t, adapt(s), now.Tree))
			for rec, err := range s.ReadLog(ctx, "main", 0) {
				t.Fatalf("record %d is still in the log, %v", rec.Seq, err)
			}
		})
	}
}

// redo redoes the log and makes the nodes durable before it drops the edits.
func redo(t *testing.T, s kv.Store, want codec.Hash) {
	t.Helper()
	r, raw := readRef(t, s)
	a := adapt(s)
	tree := load(t, a, r.Tree)
	for rec, err := range s.ReadLog(ctx, "main", r.Folded) {
		ok(t, err)
		var l logged
		ok(t, json.Unmarshal(rec.Data, &l))
		tree = must[prolly.Tree](t)(tree.Apply(ctx, l.edits()))
		if tree.Addr().Hash != l.Root {
			t.Fatalf("record %d leads to %v, it says %v", rec.Seq, tree.Addr().Hash, l.Root)
		}
		r.Folded = rec.Seq
	}
	if tree.Addr().Hash != want {
		t.Fatalf("recovered %v, want %v", tree.Addr().Hash, want)
	}
	r.Tree = tree.Addr()
	ok(t, a.batch.SwapRef("main", raw, r.encode()))
	ok(t, a.batch.TrimLog("main", r.Folded))
	ok(t, a.batch.Commit(ctx))
	ok(t, s.Sync(ctx))
}
