package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"maps"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	cid "github.com/ipfs/go-cid"
	"pgregory.net/rapid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// content is a tree as the model has it.
type content map[string]string

// entries yields the content as the tree would.
func (c content) entries(q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		keys := slices.Sorted(maps.Keys(c))
		if q.Reverse {
			slices.Reverse(keys)
		}
		n := 0
		for _, k := range keys {
			if k < string(q.From) || len(q.To) > 0 && k >= string(q.To) || !strings.HasPrefix(k, string(q.Prefix)) {
				continue
			}
			if q.Limit > 0 && n == q.Limit {
				return
			}
			n++
			if !yield(prolly.Entry{Key: []byte(k), Value: stored(k, c[k])}, nil) {
				return
			}
		}
	}
}

// stored is the value as a tree yields it. Long ones are stored once, to save
// the tests time.
func stored(key, value string) prolly.Value {
	if codec.FitsInline(len(key), len(value)) {
		return prolly.Value{Bytes: []byte(value), Size: uint64(len(value))}
	}
	if v, ok := longValues.Load(value); ok {
		return v.(prolly.Value)
	}
	v, err := prolly.StoreValue(ctx, prolly.NewMemStore(), []byte(key), []byte(value))
	if err != nil {
		panic(err)
	}
	longValues.Store(value, v)
	return v
}

var longValues sync.Map // of string to prolly.Value

// root is the root that the content must have.
func (c content) root(t tester) cid.Cid {
	tree, err := prolly.Build(ctx, prolly.NewMemStore(), c.entries(prolly.Range{}))
	do(t, err)
	return tree.Root()
}

// operations that all runs of the model test did.
var operations atomic.Int64

// machine runs an engine beside a model.
type machine struct {
	open opener
	o    *Options
	e    *Engine
	b    *Branch

	tree, side content
	commits    []committed
	snapshots  []taken
}

// committed is a commit and what was in it.
type committed struct {
	Commit
	tree content
}

// taken is a snapshot and what must be in it.
type taken struct {
	*Snapshot
	tree, side content
}

func TestModel(t *testing.T) {
	for name, make := range backends {
		t.Run(name, func(t *testing.T) {
			rapid.Check(t, func(t *rapid.T) { runMachine(t, make()) })
		})
	}
	if n := operations.Load(); !testing.Short() && n < 100_000 {
		t.Errorf("%d operations, fewer than 100,000", n)
	} else {
		t.Logf("%d operations", n)
	}
}

func runMachine(t *rapid.T, open opener) {
	m := &machine{open: open, tree: content{}, side: content{}}
	m.o = &Options{
		Now:          clock(),
		CacheBytes:   rapid.SampledFrom([]int64{1, 100 << 10, 64 << 20}).Draw(t, "cache"),
		StagingBytes: rapid.SampledFrom([]int64{4 << 10, 100 << 10, 32 << 20}).Draw(t, "staging"),
	}
	m.start(t)
	defer func() {
		m.closeSnapshots(t)
		do(t, m.e.Close())
	}()
	t.Repeat(map[string]func(*rapid.T){
		"put get delete": m.burst,
		"more of it":     m.burst,
		"apply":          m.apply,
		"range":          m.ranges,
		"fold":           m.fold,
		"commit":         m.commit,
		"reopen":         m.reopen,
		"snapshot":       m.snapshot,
		"read snapshot":  m.readSnapshot,
		"read commit":    m.readCommit,
		"transaction":    m.transaction,
		"update":         m.update,
		"load":           m.load,
		"collect":        m.collect,
		"check":          m.check,
		"give up":        m.giveUp,
	})
}

func (m *machine) start(t *rapid.T) {
	m.e = start(t, m.open, m.o)
	m.b = must(m.e.Branch(ctx, "main"))(t)
}

func drawKey(t *rapid.T) []byte {
	n := rapid.IntRange(0, 399).Draw(t, "key")
	switch n % 4 {
	case 0:
		return fmt.Appendf(nil, "/a/%d", n)
	case 1:
		return fmt.Appendf(nil, "/a/long/%s/%d", strings.Repeat("x", n), n)
	}
	return fmt.Appendf(nil, "%d", n)
}

func drawValue(t *rapid.T) []byte {
	n := rapid.IntRange(0, 1999).Draw(t, "value")
	switch {
	case n == 1234: // rapid likes the ends of a range more
		return bytes.Repeat([]byte("0123456789abcde"), 80_000) // in chunks
	case n < 1600:
		return fmt.Appendf(nil, "value %d", n)
	case n < 1880:
		return bytes.Repeat([]byte{byte(n)}, n-1000)
	}
	return bytes.Repeat([]byte{byte(n)}, n*10)
}

func (m *machine) burst(t *rapid.T) {
	for range rapid.IntRange(1, 120).Draw(t, "ops") {
		operations.Add(1)
		key := drawKey(t)
		switch rapid.IntRange(0, 6).Draw(t, "op") {
		case 0, 1, 2:
			value := drawValue(t)
			do(t, m.b.Put(ctx, key, value, drawDurability(t)))
			m.tree[string(key)] = string(value)
		case 3:
			do(t, m.b.Delete(ctx, key, drawDurability(t)))
			delete(m.tree, string(key))
		default:
			m.read(t, key)
		}
	}
}

func drawDurability(t *rapid.T) Durability {
	if rapid.IntRange(0, 9).Draw(t, "sync") == 0 {
		return Sync
	}
	return NoSync
}

// read reads a key in every way.
func (m *machine) read(t *rapid.T, key []byte) {
	value, has := m.tree[string(key)]
	got, err := m.b.Get(ctx, key)
	compareRead(t, key, got, err, value, has)
	viewed := false
	err = m.b.View(ctx, key, func(b []byte) error {
		viewed = string(b) == value
		return nil
	})
	if viewed != has || has != (err == nil) {
		t.Fatalf("View(%q): %v, %v", key, viewed, err)
	}
	if ok := must(m.b.Has(ctx, key))(t); ok != has {
		t.Fatalf("Has(%q) = %v", key, ok)
	}
	e, err := m.b.Lookup(ctx, key)
	if has != (err == nil) || has && (string(e.Key) != string(key) || e.Value.Size != uint64(len(value))) {
		t.Fatalf("Lookup(%q) = %v, %v; want %d bytes", key, e, err, len(value))
	}
	f, err := m.b.Open(ctx, key)
	if has != (err == nil) {
		t.Fatalf("Open(%q): %v", key, err)
	}
	if err == nil {
		var b bytes.Buffer
		_, err := b.ReadFrom(f)
		do(t, errors.Join(err, f.Close()))
		if b.String() != value {
			t.Fatalf("Open(%q) read %d bytes, want %d", key, b.Len(), len(value))
		}
	}
}

func compareRead(t tester, key, got []byte, err error, value string, has bool) {
	t.Helper()
	switch {
	case !has && !errors.Is(err, ErrNotFound):
		t.Fatalf("Get(%q) = %d bytes, %v; want ErrNotFound", key, len(got), err)
	case has && err != nil:
		t.Fatalf("Get(%q): %v", key, err)
	case has && string(got) != value:
		t.Fatalf("Get(%q) = %d bytes, want other %d bytes", key, len(got), len(value))
	}
}

func (m *machine) apply(t *rapid.T) {
	var edits []prolly.Edit
	for range rapid.IntRange(0, 60).Draw(t, "edits") {
		operations.Add(1)
		e := prolly.Edit{Key: drawKey(t), Delete: rapid.IntRange(0, 3).Draw(t, "del") == 0}
		if !e.Delete {
			e.Value.Bytes = drawValue(t)
		}
		edits = append(edits, e)
	}
	do(t, m.b.Apply(ctx, edits, drawDurability(t)))
	m.tree.apply(edits)
}

func (c content) apply(edits []prolly.Edit) {
	for _, e := range edits {
		if e.Delete {
			delete(c, string(e.Key))
		} else {
			c[string(e.Key)] = string(e.Value.Bytes)
		}
	}
}

func drawRange(t *rapid.T) prolly.Range {
	var q prolly.Range
	shape := rapid.IntRange(0, 31).Draw(t, "range")
	if shape&1 != 0 {
		q.From = drawKey(t)
	}
	if shape&2 != 0 {
		q.To = drawKey(t)
	}
	if shape&4 != 0 {
		q.Prefix = []byte("/a/")
	}
	q.Reverse = shape&8 != 0
	if shape&16 != 0 {
		q.Limit = rapid.IntRange(1, 20).Draw(t, "limit")
	}
	return q
}

func (m *machine) ranges(t *rapid.T) {
	operations.Add(1)
	q := drawRange(t)
	compareRange(t, m.b.Range(ctx, q), m.tree, q)
	compareRange(t, m.b.Side().Range(ctx, q), m.side, q)
}

func compareRange(t tester, got iter.Seq2[prolly.Entry, error], c content, q prolly.Range) {
	t.Helper()
	next, stop := iter.Pull2(got)
	defer stop()
	for w := range c.entries(q) {
		e, err, ok := next()
		if !ok || err != nil {
			t.Fatalf("range %+v: %v, %v before %q", q, ok, err, w.Key)
		}
		if !bytes.Equal(e.Key, w.Key) || e.Value.Size != w.Value.Size {
			t.Fatalf("range %+v: %q of %d bytes, want %q of %d", q, e.Key, e.Value.Size, w.Key, w.Value.Size)
		}
		inline := e.Value.Kind() == codec.Inline
		if inline && string(e.Value.Bytes) != c[string(w.Key)] || !inline && e.Value.Blob() != w.Value.Blob() {
			t.Fatalf("range %+v: wrong value of %q", q, w.Key)
		}
	}
	if e, err, ok := next(); ok {
		t.Fatalf("range %+v: %q, %v after the end", q, e.Key, err)
	}
}

func (m *machine) fold(t *rapid.T) {
	operations.Add(1)
	if root := must(m.b.Fold(ctx))(t); root != m.tree.root(t) {
		t.Fatalf("root after fold is %v, want %v", root, m.tree.root(t))
	}
	if n := m.b.Staged(); n != 0 {
		t.Fatalf("%d edits staged after a fold", n)
	}
}

func (m *machine) commit(t *rapid.T) {
	operations.Add(1)
	c := must(m.b.Commit(ctx, CommitOptions{Message: "m", Durability: drawDurability(t)}))(t)
	if want := m.tree.root(t); c.Root != want || c.Seq != uint64(len(m.commits)+1) {
		t.Fatalf("commit %d of %v, want %d of %v", c.Seq, c.Root, len(m.commits)+1, want)
	}
	m.commits = append(m.commits, committed{c, maps.Clone(m.tree)})
}

func (m *machine) reopen(t *rapid.T) {
	operations.Add(1)
	m.closeSnapshots(t)
	do(t, m.e.Close())
	_, err := m.b.Get(ctx, []byte("x"))
	want(t, err, ErrClosed)
	m.start(t)
	compareRange(t, m.b.Range(ctx, prolly.Range{}), m.tree, prolly.Range{})
}

func (m *machine) snapshot(t *rapid.T) {
	operations.Add(1)
	s := must(m.b.Snapshot(ctx))(t)
	m.snapshots = append(m.snapshots, taken{s, maps.Clone(m.tree), maps.Clone(m.side)})
	if len(m.snapshots) > 4 {
		do(t, m.snapshots[0].Close())
		m.snapshots = m.snapshots[1:]
	}
}

func (m *machine) readSnapshot(t *rapid.T) {
	operations.Add(1)
	if len(m.snapshots) == 0 {
		m.snapshot(t)
	}
	s := rapid.SampledFrom(m.snapshots).Draw(t, "snapshot")
	q := drawRange(t)
	compareRange(t, s.Tree().Range(ctx, q), s.tree, q)
	compareRange(t, s.Side().Range(ctx, q), s.side, q)
	key := drawKey(t)
	got, err := s.Tree().Get(ctx, key)
	value, has := s.tree[string(key)]
	compareRead(t, key, got, err, value, has)
}

func (m *machine) closeSnapshots(t *rapid.T) {
	for _, s := range m.snapshots {
		do(t, s.Close())
		_, err := s.Tree().Get(ctx, []byte("x"))
		want(t, err, ErrClosed)
	}
	m.snapshots = nil
}

func (m *machine) readCommit(t *rapid.T) {
	operations.Add(1)
	if len(m.commits) == 0 {
		_, err := m.b.Head(ctx)
		want(t, err, ErrNoCommit)
		return
	}
	c := rapid.SampledFrom(m.commits).Draw(t, "commit")
	r := must(m.e.Resolve(ctx, fmt.Sprintf("main~%d", len(m.commits)-int(c.Seq))))(t)
	if r.Commit == nil || r.Commit.CID != c.CID || r.Root != c.Root {
		t.Fatalf("resolved %+v, want %v", r, c.CID)
	}
	s := must(m.e.Tree(ctx, c.CID))(t)
	compareRange(t, s.Tree().Range(ctx, prolly.Range{}), c.tree, prolly.Range{})
	do(t, s.Close())
	n := len(m.commits)
	for l, err := range m.b.Log(ctx, LogOptions{}) {
		do(t, err)
		if n--; l.CID != m.commits[n].CID {
			t.Fatalf("log has %v, want %v", l.CID, m.commits[n].CID)
		}
	}
	if n != 0 {
		t.Fatalf("log lacks %d commits", n)
	}
}

func (m *machine) transaction(t *rapid.T) {
	tx := must(m.b.Begin(ctx))(t)
	defer tx.Discard()
	mine, read, others := maps.Clone(m.tree), map[string]bool{}, map[string]bool{}
	var spans []prolly.Range
	for range rapid.IntRange(1, 12).Draw(t, "ops") {
		operations.Add(1)
		key := drawKey(t)
		switch rapid.IntRange(0, 8).Draw(t, "op") {
		case 0, 1:
			value := drawValue(t)
			do(t, tx.Put(ctx, key, value))
			mine[string(key)] = string(value)
		case 2:
			do(t, tx.Delete(ctx, key))
			delete(mine, string(key))
		case 3:
			q := drawRange(t)
			q.Limit = 0
			compareRange(t, tx.Range(ctx, q), mine, q)
			spans = append(spans, q)
		case 4:
			value := drawValue(t)
			do(t, m.b.Put(ctx, key, value, NoSync))
			m.tree[string(key)] = string(value)
			others[string(key)] = true
		case 5:
			m.fold(t)
		default:
			got, err := tx.Get(ctx, key)
			value, has := mine[string(key)]
			compareRead(t, key, got, err, value, has)
			read[string(key)] = true
		}
	}
	m.commitTx(t, tx, mine, conflicts(read, spans, others))
}

// conflicts tells whether a transaction read what others wrote. It may take a
// transaction's reads of its own writes for more than they are.
func conflicts(read map[string]bool, spans []prolly.Range, others map[string]bool) (may bool) {
	for k := range others {
		if read[k] {
			return true
		}
		for _, q := range spans {
			for range (content{k: ""}).entries(q) {
				return true
			}
		}
	}
	return false
}

func (m *machine) commitTx(t *rapid.T, tx *Tx, mine content, conflict bool) {
	own := tx.own
	err := tx.Commit(ctx, drawDurability(t))
	if errors.Is(err, ErrConflict) && conflict {
		return
	}
	do(t, err)
	if own.over == nil {
		return
	}
	c := overlayCursor{walk: walk{o: own.over}, seq: own.seq}
	for c.first(); c.e != 0; c.next() {
		if v, ok := mine[string(c.key)]; ok {
			m.tree[string(c.key)] = v
		} else {
			delete(m.tree, string(c.key))
		}
	}
	want(t, tx.Put(ctx, []byte("x"), nil), ErrTxDone)
}

func (m *machine) update(t *rapid.T) {
	tree, side := maps.Clone(m.tree), maps.Clone(m.side)
	fail := errors.New("given up")
	giveUp := rapid.IntRange(0, 4).Draw(t, "give up") == 0
	err := m.b.Update(ctx, func(u *Update) error {
		for range rapid.IntRange(0, 8).Draw(t, "ops") {
			operations.Add(1)
			key, root, c := drawKey(t), u.Tree(), tree
			if rapid.Bool().Draw(t, "side") {
				root, c = u.Side(), side
			}
			switch rapid.IntRange(0, 3).Draw(t, "op") {
			case 0:
				do(t, root.Delete(ctx, key))
				delete(c, string(key))
			case 1:
				q := drawRange(t)
				compareRange(t, root.Range(ctx, q), c, q)
			default:
				value := drawValue(t)
				do(t, root.Put(ctx, key, value))
				c[string(key)] = string(value)
				got, err := root.Get(ctx, key)
				compareRead(t, key, got, err, string(value), true)
			}
		}
		if giveUp {
			return fail
		}
		return nil
	}, drawDurability(t))
	if giveUp {
		want(t, err, fail)
		return
	}
	do(t, err)
	m.tree, m.side = tree, side
}

func (m *machine) load(t *rapid.T) {
	var list []prolly.Edit
	for range rapid.IntRange(0, 80).Draw(t, "entries") {
		operations.Add(1)
		list = append(list, prolly.Edit{Key: drawKey(t), Value: prolly.Value{Bytes: drawValue(t)}})
	}
	if rapid.Bool().Draw(t, "sorted") {
		slices.SortStableFunc(list, func(a, b prolly.Edit) int { return bytes.Compare(a.Key, b.Key) })
	}
	n, err := m.b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
		for _, e := range list {
			if !yield(prolly.Entry{Key: e.Key, Value: e.Value}, nil) {
				return
			}
		}
	})
	do(t, err)
	if n != uint64(len(list)) {
		t.Fatalf("loaded %d of %d", n, len(list))
	}
	m.tree.apply(list)
}

func (m *machine) collect(t *rapid.T) {
	operations.Add(1)
	must(m.e.GC(ctx, GCOptions{DryRun: rapid.Bool().Draw(t, "dry")}))(t)
}

func (m *machine) check(t *rapid.T) {
	operations.Add(1)
	if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
		return
	}
	do(t, m.e.Check(ctx, func(p Problem) { t.Fatalf("check: %v", p) }))
	info := must(m.e.Branches(ctx))(t)
	if len(info) != 1 || info[0].Name != "main" || info[0].Seq != uint64(len(m.commits)) {
		t.Fatalf("branches: %+v", info)
	}
}

// giveUp calls what a context that has ended must keep from happening.
func (m *machine) giveUp(t *rapid.T) {
	operations.Add(1)
	ended, cancel := context.WithCancel(ctx)
	cancel()
	key := drawKey(t)
	want(t, m.b.Put(ended, key, []byte("never")), context.Canceled)
	want(t, m.b.Delete(ended, key), context.Canceled)
	_, err := m.b.Fold(ended)
	want(t, err, context.Canceled)
	_, err = m.b.Get(ended, key)
	want(t, err, context.Canceled)
	for _, err := range m.b.Range(ended, prolly.Range{}) {
		want(t, err, context.Canceled)
	}
}
