package engine

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var onlineSeeds = flag.Uint64("gconline.seeds", 30, "how many random courses of events TestGCOnline takes")

// TestGCOnline does random things at every step of a collection: while it looks
// for roots, marks and sweeps. Nothing that is used is lost (G1 to G5).
func TestGCOnline(t *testing.T) {
	n := *onlineSeeds
	if testing.Short() {
		n = min(n, 10)
	}
	for seed := range n {
		onlineCourse(t, seed)
	}
}

func onlineCourse(t *testing.T, seed uint64) {
	w := newOnlineWorld(t, seed)
	defer func() {
		if t.Failed() {
			t.Fatalf("failed with -gconline.seeds %d", seed+1)
		}
	}()
	for range 12 {
		for range 12 {
			w.step()
		}
		for range w.r.IntN(3) {
			w.remove()
		}
		left, rate := 25, 1+w.r.IntN(12)
		w.s.between = func() {
			if w.r.IntN(rate) == 0 && left > 0 && !t.Failed() {
				left--
				w.s.between, w.s.saved = nil, w.s.between
				w.stepBack()
				w.s.between = w.s.saved
			}
		}
		stats := must(w.e.GC(ctx, GCOptions{Keep: w.r.IntN(3) * 2}))(t)
		w.s.between = nil
		w.removed += stats.Swept.Nodes
		w.verify()
	}
	if w.removed == 0 {
		t.Errorf("seed %d: nothing was ever removed", seed)
	}
	for _, s := range w.snaps {
		do(t, s.Close())
	}
	do(t, w.e.Close())
}

// busyStore calls between whenever a collection does something.
type busyStore struct {
	*memkv.Store
	between, saved func()
}

func (s *busyStore) happens() {
	if s.between != nil {
		s.between()
	}
}

func (s *busyStore) ListRefs(ctx context.Context, prefix string) iter.Seq2[kv.Ref, error] {
	s.happens()
	return s.Store.ListRefs(ctx, prefix)
}

func (s *busyStore) ReadLog(ctx context.Context, ref string, after uint64) iter.Seq2[kv.Record, error] {
	s.happens()
	return s.Store.ReadLog(ctx, ref, after)
}

func (s *busyStore) Sync(ctx context.Context) error {
	s.happens()
	return s.Store.Sync(ctx)
}

func (s *busyStore) Collect(ctx context.Context) (kv.Collection, error) {
	c, err := s.Store.Collect(ctx)
	s.happens()
	return &busyCollection{c, s}, err
}

type busyCollection struct {
	kv.Collection
	s *busyStore
}

func (c *busyCollection) Marked(ctx context.Context, h codec.Hash) (kv.Mark, error) {
	c.s.happens()
	return c.Collection.Marked(ctx, h)
}

func (c *busyCollection) Mark(ctx context.Context, h codec.Hash, m kv.Mark) error {
	c.s.happens()
	return c.Collection.Mark(ctx, h, m)
}

func (c *busyCollection) Sweep(ctx context.Context, o kv.SweepOptions) (kv.Collected, error) {
	told := o.Progress
	o.Progress = func(w kv.Collected) {
		for range 10 {
			c.s.happens()
		}
		told(w)
	}
	return c.Collection.Sweep(ctx, o)
}

// onlineWorld is an engine and what must be in it.
type onlineWorld struct {
	t       *testing.T
	r       *rand.Rand
	seed    uint64
	s       *busyStore
	e       *Engine
	removed uint64

	branches map[string]values
	tags     map[string]values
	snaps    []*Snapshot
	shots    []values // beside snaps
	past     []pastCommit
}

// values are what keys hold: bytes, or a link and whether its block was here
// when it was set.
type values map[string]onlineValue

type onlineValue struct {
	bytes []byte
	link  cid.Cid
	here  bool
}

type pastCommit struct {
	c Commit
	v values
}

func newOnlineWorld(t *testing.T, seed uint64) *onlineWorld {
	w := &onlineWorld{t: t, seed: seed, r: rand.New(rand.NewPCG(seed, 77)), branches: map[string]values{}, tags: map[string]values{}}
	w.s = &busyStore{Store: must(memkv.NewDisk(memkv.Options{MovingHints: true}).Open())(t)}
	w.e = must(New(w.s, &Options{CacheBytes: 32 << 10}))(t)
	w.on("main")
	return w
}

// on returns a branch, made if it is missing.
func (w *onlineWorld) on(name string) *Branch {
	if w.branches[name] == nil {
		w.branches[name] = values{}
	}
	return must(w.e.Branch(ctx, name))(w.t)
}

func (w *onlineWorld) name() string { return []string{"main", "a", "b"}[w.r.IntN(3)] }

// pool are values of which some are out of line, drawn again and again.
func (w *onlineWorld) pool() []byte {
	i := w.r.IntN(24)
	v := fmt.Appendf(nil, "value %d ", i)
	if i%3 == 0 {
		v = bytes.Repeat(v, 300)
	}
	return v
}

func (w *onlineWorld) key() []byte { return fmt.Appendf(nil, "key/%04d", w.r.IntN(1200)) }

// step does one thing.
func (w *onlineWorld) step() {
	steps := []func(){
		w.edit, w.edit, w.edit, w.edit, w.fold, w.commit, w.commit, w.fromPast, w.remove, w.tag,
		w.snapshot, w.closeSnapshot, w.link, w.reuse, w.adopt, w.upload, w.tx,
	}
	steps[w.r.IntN(len(steps))]()
}

// stepBack does one thing, of those that a collection may not expect.
func (w *onlineWorld) stepBack() {
	steps := []func(){
		w.edit, w.fold, w.fold, w.commit, w.fromPast, w.fromPast, w.remove, w.tag, w.tag, w.snapshot, w.snapshot,
		w.closeSnapshot, w.closeSnapshot, w.link, w.link, w.reuse, w.reuse, w.adopt, w.adopt, w.upload,
	}
	steps[w.r.IntN(len(steps))]()
}

func (w *onlineWorld) edit() {
	name := w.name()
	b, v := w.on(name), w.branches[name]
	var edits []prolly.Edit
	for range 1 + w.r.IntN(60) {
		e := prolly.Edit{Key: w.key(), Delete: w.r.IntN(5) == 0}
		if e.Delete {
			delete(v, string(e.Key))
		} else {
			e.Value.Bytes = w.pool()
			v[string(e.Key)] = onlineValue{bytes: e.Value.Bytes}
		}
		edits = append(edits, e)
	}
	do(w.t, b.Apply(ctx, edits, NoSync))
}

func (w *onlineWorld) fold() { must(w.on(w.name()).Fold(ctx))(w.t) }

func (w *onlineWorld) commit() {
	name := w.name()
	b := w.on(name)
	var o CommitOptions
	if len(w.past) > 0 && w.r.IntN(3) == 0 {
		if p, _ := w.drawPast(); w.wholeHistory(p) {
			o.Parents = []cid.Cid{p.c.CID}
		}
	}
	c, err := b.Commit(ctx, o)
	if w.missing(err) {
		return
	}
	w.past = append(w.past, pastCommit{c, maps.Clone(w.branches[name])})
}

// missing tells whether something from the past is not here any more.
func (w *onlineWorld) missing(err error) bool {
	if err != nil && !errors.Is(err, ErrMissing) {
		w.t.Fatalf("seed %d: %v", w.seed, err)
	}
	return err != nil
}

func (w *onlineWorld) drawPast() (p pastCommit, ok bool) {
	if len(w.past) == 0 {
		return p, false
	}
	return w.past[max(0, len(w.past)-1-w.r.IntN(8))], true
}

func (w *onlineWorld) fromPast() {
	name := w.name()
	p, ok := w.drawPast()
	if w.branches[name] != nil || !ok {
		return
	}
	at := p.c.CID
	if w.r.IntN(2) == 0 {
		at = p.c.Root
	}
	if _, err := w.e.CreateBranch(ctx, name, at); !w.missing(err) && w.wholeHistory(p) {
		w.branches[name] = w.back(p.v)
	} else if err == nil {
		do(w.t, w.e.DeleteBranch(ctx, name)) // a part had gone before
	}
}

// whole tells whether all of a commit's tree is there. What nothing kept may have
// been removed in part, by a collection that others disturbed.
func (w *onlineWorld) whole(p pastCommit) bool {
	tree, err := prolly.Load(ctx, w.e.Nodes(), p.c.Root)
	if err == nil {
		for _, err = range tree.Range(ctx, prolly.Range{}) {
			if err != nil {
				break
			}
		}
	}
	if err == nil {
		err = tree.Check(ctx, prolly.CheckOptions{Blobs: true}, func(p prolly.Problem) error { return p.Err })
	}
	return err == nil
}

// wholeHistory tells the same of a commit and all that it descends from.
func (w *onlineWorld) wholeHistory(p pastCommit) bool {
	ok := true
	err := w.e.descend(ctx, []Commit{p.c}, func(c Commit, _ []Commit) (bool, bool, error) {
		ok = ok && w.whole(pastCommit{c: c})
		return true, true, nil
	})
	return ok && err == nil
}

// back is what was brought back: blocks linked from it may have gone before.
func (w *onlineWorld) back(v values) values {
	v = maps.Clone(v)
	for key, x := range v {
		if x.link.Defined() {
			_, err := w.e.ReadBlock(ctx, x.link)
			x.here = !w.missing(err)
			v[key] = x
		}
	}
	return v
}

func (w *onlineWorld) remove() {
	if name := w.name(); w.branches[name] != nil {
		do(w.t, w.e.DeleteBranch(ctx, name))
		delete(w.branches, name)
	}
}

func (w *onlineWorld) tag() {
	name := fmt.Sprint("tag ", w.r.IntN(2))
	if w.tags[name] != nil {
		do(w.t, w.e.DeleteTag(ctx, name))
		delete(w.tags, name)
		return
	}
	if p, ok := w.drawPast(); ok && w.whole(p) {
		if err := w.e.Tag(ctx, name, p.c.Root); !w.missing(err) {
			if !w.whole(p) {
				w.t.Fatalf("seed %d: a tag of what is not whole", w.seed)
			}
			w.tags[name] = w.back(p.v)
		}
	}
}

func (w *onlineWorld) snapshot() {
	if len(w.snaps) > 3 {
		return
	}
	var s *Snapshot
	var v values
	if p, ok := w.drawPast(); ok && w.r.IntN(2) == 0 && w.whole(p) {
		var err error
		if s, err = w.e.Tree(ctx, p.c.Root); w.missing(err) {
			return
		}
		v = w.back(p.v)
	} else {
		name := w.name()
		s, v = must(w.on(name).Snapshot(ctx))(w.t), maps.Clone(w.branches[name])
	}
	w.snaps, w.shots = append(w.snaps, s), append(w.shots, v)
}

func (w *onlineWorld) closeSnapshot() {
	if len(w.snaps) > 0 {
		do(w.t, w.snaps[0].Close())
		w.snaps, w.shots = w.snaps[1:], w.shots[1:]
	}
}

// link links a block that is new, or was put long ago.
func (w *onlineWorld) link() {
	block := fmt.Appendf(nil, "block %d", w.r.IntN(8))
	c := codec.RawCID(block)
	if w.r.IntN(3) > 0 {
		do(w.t, w.e.PutBlock(ctx, c, block))
	}
	name, key := w.name(), w.key()
	do(w.t, w.on(name).Apply(ctx, []prolly.Edit{{Key: key, Value: prolly.Value{Link: c}}}, NoSync))
	_, err := w.e.ReadBlock(ctx, c)
	w.branches[name][string(key)] = onlineValue{link: c, here: !w.missing(err)}
}

// reuse sets a key to an out-of-line value found in another place.
func (w *onlineWorld) reuse() {
	p, ok := w.drawPast()
	if !ok {
		return
	}
	keys := slices.Sorted(maps.Keys(p.v))
	if len(keys) == 0 {
		return
	}
	from := keys[w.r.IntN(len(keys))]
	tree, err := prolly.Load(ctx, w.e.Nodes(), p.c.Root)
	if w.missing(err) {
		return
	}
	e, err := tree.Lookup(ctx, []byte(from))
	if w.missing(err) || e.Value.Kind() != codec.Blob {
		return
	}
	name, key := w.name(), w.key()
	if w.missing(w.on(name).Apply(ctx, []prolly.Edit{{Key: key, Value: e.Value}}, NoSync)) {
		return
	}
	w.branches[name][string(key)] = p.v[from]
}

// adopt gives a branch the tree of another time, put together from nodes.
func (w *onlineWorld) adopt() {
	p, ok := w.drawPast()
	if !ok || !w.whole(p) {
		return
	}
	name, key := w.name(), w.key()
	b := w.on(name)
	err := b.Adopt(ctx, func(a *Adoption) error {
		tree, err := prolly.Load(ctx, a.Nodes(), p.c.Root)
		if err == nil {
			tree, err = tree.Apply(ctx, []prolly.Edit{{Key: key, Value: prolly.Value{Bytes: []byte("adopted")}}})
		}
		a.SetTree(tree)
		return err
	})
	if w.missing(err) {
		return
	}
	v := w.back(p.v)
	v[string(key)] = onlineValue{bytes: []byte("adopted")}
	w.branches[name] = v
}

func (w *onlineWorld) upload() {
	name, key, v := w.name(), w.key(), bytes.Repeat(w.pool(), 40)
	must(w.on(name).PutReader(ctx, key, bytes.NewReader(v), NoSync))(w.t)
	w.branches[name][string(key)] = onlineValue{bytes: v}
}

func (w *onlineWorld) tx() {
	name, key, v := w.name(), w.key(), w.pool()
	tx := must(w.on(name).Begin(ctx))(w.t)
	do(w.t, tx.Put(ctx, key, v))
	do(w.t, tx.Commit(ctx, NoSync))
	w.branches[name][string(key)] = onlineValue{bytes: v}
}

// verify reads everything there must be.
func (w *onlineWorld) verify() {
	w.t.Helper()
	for name, v := range w.branches {
		b := w.on(name)
		w.same("branch "+name, v, b, b.Get)
	}
	for name, v := range w.tags {
		r := must(w.e.Resolve(ctx, name))(w.t)
		s := must(w.e.Tree(ctx, r.Root))(w.t)
		w.same(name, v, s.Tree(), s.Tree().Get)
		do(w.t, s.Close())
	}
	for i, s := range w.snaps {
		w.same(fmt.Sprint("snapshot ", i), w.shots[i], s.Tree(), s.Tree().Get)
	}
	for _, p := range problems(w.t, w.e) {
		w.t.Errorf("seed %d: %v", w.seed, p)
	}
}

func (w *onlineWorld) same(what string, v values, r ranger, get getter) {
	n := 0
	for e, err := range r.Range(ctx, prolly.Range{}) {
		if err != nil {
			w.t.Errorf("seed %d: %s: %v", w.seed, what, err)
			return
		}
		want, ok := v[string(e.Key)]
		n++
		if e.Value.Link.Defined() {
			_, err := w.e.ReadBlock(ctx, e.Value.Link)
			if !want.link.Equals(e.Value.Link) || want.here && err != nil {
				w.t.Errorf("seed %d: %s: %s links %v, want %v: %v", w.seed, what, e.Key, e.Value.Link, want.link, err)
			}
			continue
		}
		got, err := get(ctx, e.Key)
		if err != nil || !ok || !bytes.Equal(got, want.bytes) {
			w.t.Errorf("seed %d: %s: %s is %.20q, want %.20q: %v", w.seed, what, e.Key, got, want.bytes, err)
			return
		}
	}
	if n != len(v) {
		w.t.Errorf("seed %d: %s has %d entries, want %d", w.seed, what, n, len(v))
	}
}

// TestGCStagedUnopened: what is staged on a branch that nobody opened stays.
func TestGCStagedUnopened(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		long := bytes.Repeat([]byte("long"), 2000)
		e := start(t, open, nil)
		do(t, must(e.Branch(ctx, "main"))(t).Put(ctx, []byte("k"), long))
		do(t, e.Close())
		e = startTest(t, open, nil)
		must(e.GC(ctx, GCOptions{}))(t)
		b := must(e.Lookup(ctx, "main"))(t)
		if got := must(b.Get(ctx, []byte("k")))(t); !bytes.Equal(got, long) {
			t.Errorf("%d bytes", len(got))
		}
	})
}

// TestGCDuringUpload: the blocks of a value that began to be read before a
// collection, and is staged while it sweeps, stay.
func TestGCDuringUpload(t *testing.T) {
	s := &busyStore{Store: memkv.New()}
	e := must(New(s, nil))(t)
	b := must(e.Branch(ctx, "main"))(t)
	value := make([]byte, 11<<20)
	for i := range value {
		value[i] = byte(i >> 8 * i)
	}
	r := &slowReader{r: bytes.NewReader(value), after: 10 << 20, reached: make(chan struct{}), goOn: make(chan struct{})}
	ended := make(chan error, 1)
	go func() {
		_, err := b.PutReader(ctx, []byte("k"), r)
		ended <- err
	}()
	<-r.reached
	s.between = func() {
		c := e.gc.Load()
		if c == nil {
			return
		}
		c.mu.Lock()
		sweeping := c.sweeping
		c.mu.Unlock()
		if sweeping {
			s.between = nil
			close(r.goOn)
			do(t, <-ended)
		}
	}
	for i := range 300 {
		do(t, b.Put(ctx, fmt.Append(nil, i), bytes.Repeat([]byte("v"), 100), NoSync))
	}
	must(b.Fold(ctx))(t)
	must(e.GC(ctx, GCOptions{}))(t)
	if s.between != nil {
		t.Fatal("the upload did not end meanwhile")
	}
	if got := must(b.Get(ctx, []byte("k")))(t); !bytes.Equal(got, value) {
		t.Errorf("%d bytes of another value", len(got))
	}
	do(t, e.Close())
}

// slowReader waits in the middle.
type slowReader struct {
	r             *bytes.Reader
	after         int
	reached, goOn chan struct{}
	waited        bool
}

func (s *slowReader) Read(p []byte) (int, error) {
	if s.after <= 0 && !s.waited {
		s.waited = true
		close(s.reached)
		<-s.goOn
	}
	n, err := s.r.Read(p[:min(len(p), 64<<10)])
	s.after -= n
	return n, err
}
