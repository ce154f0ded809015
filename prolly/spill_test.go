package prolly

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"runtime"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// memTemps makes files in memory, counts what is done to them and lets
// operations fail.
type memTemps struct {
	opened, closed int
	ops            int
	fail           int   // the number of the operation that fails; 0: none
	flip           int64 // the number of the read whose answer has a bit flipped; 0: none
	reads          int64
}

var errDisk = errors.New("disk says no")

func (m *memTemps) op() error {
	if m.ops++; m.ops == m.fail {
		return errDisk
	}
	return nil
}

func (m *memTemps) open() (tempFile, error) {
	if err := m.op(); err != nil {
		return nil, err
	}
	m.opened++
	return &memTemp{of: m}, nil
}

type memTemp struct {
	of   *memTemps
	data []byte
}

func (f *memTemp) Write(b []byte) (int, error) {
	if err := f.of.op(); err != nil {
		n := len(b) / 2 // a short write
		f.data = append(f.data, b[:n]...)
		return n, err
	}
	f.data = append(f.data, b...)
	return len(b), nil
}

func (f *memTemp) ReadAt(b []byte, off int64) (int, error) {
	if err := f.of.op(); err != nil {
		return 0, err
	}
	if off >= int64(len(f.data)) {
		return 0, io.EOF
	}
	n := copy(b, f.data[off:])
	if f.of.reads++; f.of.reads == f.of.flip {
		b[n/2] ^= 1
	}
	if n < len(b) {
		return n, io.EOF
	}
	return n, nil
}

func (f *memTemp) Close() error {
	f.of.closed++
	return f.of.op()
}

// spilling builds with a low limit of what memory holds.
func spilling(ctx context.Context, ns NodeStore, at uint64, temps *memTemps) *builder {
	b := newBuilder(ctx, ns)
	b.spillAt, b.temp = at, temps.open
	return b
}

// TestSpillIsTheDefinition: what is held on disk changes no root (P1).
func TestSpillIsTheDefinition(t *testing.T) {
	for seed, shape := range shapes {
		for _, n := range []int{0, 1, 40, 400, 2000} {
			for _, at := range []uint64{1, minWeight, 5000} {
				s := newSource(t, uint64(seed))
				m := randomModel(s, shape, n)
				temps := &memTemps{}
				tree, err := spilling(ctx, NewMemStore(), at, temps).build(m.sorted())
				if err != nil {
					t.Fatal(err)
				}
				checkTree(t, tree, m)
				if n >= 400 && temps.opened == 0 || temps.opened != temps.closed {
					t.Fatalf("%d files opened, %d closed", temps.opened, temps.closed)
				}
			}
		}
	}
}

// fakeLevel is a level of leaves whose priorities are made up.
type fakeLevel struct {
	p1      []uint64
	weights []int
	entry   func(i int) codec.LeafEntry
}

func newFakeLevel(s source, n int, p1 func(i int) uint64) fakeLevel {
	f := fakeLevel{}
	lengths := make([]uint8, n)
	for i := range n {
		lengths[i] = uint8(s.IntN(60))
		f.p1 = append(f.p1, p1(i))
		f.weights = append(f.weights, 4+8+int(lengths[i]))
	}
	f.entry = func(i int) codec.LeafEntry {
		return codec.LeafEntry{Key: fmt.Appendf(nil, "%08d", i), Value: make([]byte, lengths[i])}
	}
	return f
}

// build runs the builder over the level, calling step now and then.
func (f fakeLevel) build(b *builder, step func()) (Tree, error) {
	lb, err := b.level(0)
	if err != nil {
		return Tree{}, err
	}
	for i, p := range f.p1 {
		lb.items.leaf = append(lb.items.leaf, f.entry(i))
		lb.chunk.push(p, f.weights[i])
		if err := b.settle(0, lb); err != nil {
			return Tree{}, b.failed(err)
		}
		if step != nil && i%(len(f.p1)/16+1) == 0 {
			step()
		}
	}
	return b.finish()
}

// root is what the definition makes of the level.
func (f fakeLevel) root() codec.Hash {
	cuts := append(oracleCuts(f.p1, f.weights), len(f.p1))
	var children []codec.InnerEntry
	for k, a := range cuts[:len(cuts)-1] {
		var run []codec.LeafEntry
		c := codec.InnerEntry{Key: f.entry(a).Key}
		for i := a; i < cuts[k+1]; i++ {
			e := f.entry(i)
			run = append(run, e)
			c.Count++
			c.Bytes += uint64(len(e.Key) + len(e.Value))
		}
		c.Child = codec.Sum(codec.AppendLeaf(nil, run))
		children = append(children, c)
	}
	for level := 1; len(children) > 1; level++ {
		children = oracleLevel(level, children)
	}
	return children[0].Child
}

// TestSpillFakePriorities: all sorts of gaps, against the definition.
func TestSpillFakePriorities(t *testing.T) {
	for seed := range uint64(60) {
		s := newSource(t, seed)
		n := 1 + s.IntN(4000)
		p1 := []func(i int) uint64{
			func(i int) uint64 { return uint64(n - i) },
			func(i int) uint64 { return uint64(i) },
			func(i int) uint64 { return 7 },
			func(i int) uint64 { return uint64(n-i)<<8 | s.Uint64N(256) },
			func(i int) uint64 { return uint64(n-i) / 500 * 1e9 },
			func(i int) uint64 { return uint64(i%700) ^ 0xffff },
		}[seed%6]
		f := newFakeLevel(s, n, p1)
		temps := &memTemps{}
		tree, err := f.build(spilling(ctx, NewMemStore(), 1+s.Uint64N(20_000), temps), nil)
		if err != nil {
			t.Fatal(err)
		}
		if want := f.root(); tree.Addr().Hash != want {
			t.Fatalf("%d items: another root than by definition", n)
		}
		if temps.opened != temps.closed {
			t.Fatalf("%d files opened, %d closed", temps.opened, temps.closed)
		}
	}
}

// TestSpillMemory builds a level that is one gap of about 40 MB, at the real
// limit and on real files, and measures the memory it takes.
func TestSpillMemory(t *testing.T) {
	n := 1_000_000
	if testing.Short() {
		n = 200_000
	}
	t.Setenv("TMPDIR", t.TempDir())
	s := newSource(t, 1)
	f := newFakeLevel(s, n, func(i int) uint64 { return uint64(n-i)<<20 | s.Uint64N(1<<20) })
	want, err := f.build(spilling(ctx, discard{}, math.MaxUint64, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	m := newMemory()
	tree, err := f.build(newBuilder(ctx, noteWrites(4096, m.look)), m.look)
	if err != nil {
		t.Fatal(err)
	}
	if tree.Root() != want.Root() || tree.Len() != uint64(n) {
		t.Fatal("another root with the gap on disk than in memory")
	}
	t.Logf("%d items, %d MB: at most %d KiB of memory", n, tree.Bytes()>>20, m.most>>10)
	if m.most > 24<<20 {
		t.Errorf("memory grew by %d MiB", m.most>>20)
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// memory notes how far the heap grows.
type memory struct{ before, most uint64 }

func heap() uint64 {
	runtime.GC()
	var s runtime.MemStats
	runtime.ReadMemStats(&s)
	return s.HeapAlloc
}

func newMemory() *memory { return &memory{before: heap()} }

func (m *memory) look() {
	if now := heap(); now > m.before {
		m.most = max(m.most, now-m.before)
	}
}

// noting calls a function at every n-th write. It serves one goroutine.
type noting struct {
	NodeStore
	n      int
	writes *int
	note   func()
}

func noteWrites(n int, note func()) noting { return noting{discard{}, n, new(int), note} }

func (s noting) WriteNode(ctx context.Context, h codec.Hash, block []byte, hints []Hint) (Hint, error) {
	if *s.writes++; *s.writes%s.n == 0 {
		s.note()
	}
	return s.NodeStore.WriteNode(ctx, h, block, hints)
}

// TestSpillRealKeys: keys made against the hash, over a megabyte of them.
func TestSpillRealKeys(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	m := model{}
	for i, k := range fallingKeys(1200) {
		m[string(k)] = Value{Bytes: recipeBytes(fmt.Sprint(i), 1000)}
	}
	opened := 0
	ns := NewMemStore()
	b := newBuilder(ctx, ns)
	b.temp = func() (tempFile, error) {
		opened++
		return openTemp()
	}
	tree, err := b.build(m.sorted())
	if err != nil {
		t.Fatal(err)
	}
	if opened != 2 {
		t.Fatalf("%d temporary files, want 2", opened)
	}
	checkTree(t, tree, m)
	if ps := problems(t, tree); len(ps) > 0 {
		t.Fatal(ps[0])
	}
	left, err := os.ReadDir(os.TempDir())
	if err != nil || len(left) > 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
}

// TestSpillFaults: every operation on a temporary file fails once. The build
// then fails, never gives another root, and leaves no file open.
func TestSpillFaults(t *testing.T) {
	const n = 8000
	f := newFakeLevel(newSource(t, 3), n, func(i int) uint64 { return uint64(n - i) })
	build := func(temps *memTemps) (Tree, error) {
		return f.build(spilling(ctx, discard{}, 2000, temps), nil)
	}
	count := &memTemps{}
	want, err := build(count)
	if err != nil {
		t.Fatal(err)
	}
	if count.ops < 60 || count.reads < 40 {
		t.Fatalf("only %d operations, %d reads", count.ops, count.reads)
	}
	for k := 1; k <= count.ops; k++ {
		temps := &memTemps{fail: k}
		_, err := build(temps)
		if !errors.Is(err, errDisk) {
			t.Fatalf("operation %d of %d fails: %v", k, count.ops, err)
		}
		if temps.opened != temps.closed {
			t.Fatalf("operation %d fails: %d files opened, %d closed", k, temps.opened, temps.closed)
		}
	}
	for k := int64(1); k <= count.reads; k++ {
		temps := &memTemps{flip: k}
		tree, err := build(temps)
		if !errors.Is(err, errSpill) && tree.Root() != want.Root() {
			t.Fatalf("a bit of read %d of %d flipped: another root, error %v", k, count.reads, err)
		}
		if err == nil {
			t.Fatalf("a bit of read %d of %d flipped: not noticed", k, count.reads)
		}
		if temps.opened != temps.closed {
			t.Fatalf("read %d: %d files opened, %d closed", k, temps.opened, temps.closed)
		}
	}
}

// TestSpillCleansUp: whatever ends a build, its files are closed.
func TestSpillCleansUp(t *testing.T) {
	m := model{} // one gap, and several runs of a Builder
	for i, k := range fallingKeys(800) {
		m[string(k)] = Value{Bytes: recipeBytes(fmt.Sprint(i), 1000)}
	}
	errStop := errors.New("stop")
	for name, run := range map[string]func(temps *memTemps) error{
		"an error of the sequence": func(temps *memTemps) error {
			_, err := spilling(ctx, discard{}, 2000, temps).build(func(yield func(Entry, error) bool) {
				for e := range m.sorted() {
					if !yield(e, nil) {
						return
					}
				}
				yield(Entry{}, errStop)
			})
			return err
		},
		"a store that fails": func(temps *memTemps) error {
			_, err := spilling(ctx, failing{discard{}, errStop}, 2000, temps).build(m.sorted())
			return err
		},
		"an end of the context": func(temps *memTemps) error {
			ctx, cancel := context.WithCancelCause(ctx)
			stop := noteWrites(3, func() { cancel(errStop) })
			_, err := spilling(ctx, stop, 2000, temps).build(m.sorted())
			if !errors.Is(err, context.Canceled) {
				return err
			}
			return context.Cause(ctx)
		},
	} {
		temps := &memTemps{}
		if err := run(temps); !errors.Is(err, errStop) {
			t.Errorf("%s: %v", name, err)
		}
		if temps.opened == 0 || temps.opened != temps.closed {
			t.Errorf("%s: %d files opened, %d closed", name, temps.opened, temps.closed)
		}
	}
}

type failing struct {
	NodeStore
	err error
}

func (f failing) WriteNode(context.Context, codec.Hash, []byte, []Hint) (Hint, error) {
	return Hint{}, f.err
}

// TestCheckMaxGap: a tree made against the hash is refused where that is asked
// for, and only there.
func TestCheckMaxGap(t *testing.T) {
	m := model{}
	for i, k := range fallingKeys(800) {
		m[string(k)] = Value{Bytes: recipeBytes(fmt.Sprint(i), 1000)}
	}
	bad := mustBuild(t, NewMemStore(), m)
	good := mustBuild(t, NewMemStore(), randomModel(newSource(t, 1), "random", 20_000))
	gap := uint64(0) // all of it is one gap
	for _, e := range m.leaves(t, NewMemStore()) {
		gap += uint64(leafWeight(&e))
	}
	for _, c := range []struct {
		tree   Tree
		max    uint64
		refuse bool
	}{
		{bad, 0, false}, {bad, DefaultMaxGap, true}, {bad, gap - 1, true}, {bad, gap, false},
		{good, DefaultMaxGap, false}, {good, 1, true}, {Empty(NewMemStore()), 1, false},
		{good, longestGap(t, good), false}, {good, longestGap(t, good) - 1, true},
	} {
		var found []error
		err := c.tree.Check(ctx, CheckOptions{MaxGap: c.max}, func(p Problem) error {
			found = append(found, p)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		refused := slices.ContainsFunc(found, func(err error) bool { return errors.Is(err, ErrTooLarge) })
		if refused != c.refuse || len(found) > 0 != c.refuse {
			t.Errorf("%d entries, gaps up to %d: %v", c.tree.Len(), c.max, found)
		}
	}
}

// longestGap is the weight of the heaviest stage-1 gap of any level.
func longestGap(t testing.TB, tree Tree) (most uint64) {
	for level := range tree.level {
		l := viewLevel(t, tree, level)
		begin := 0
		for i := range l.keys {
			if l.stage1[i] {
				most = max(most, uint64(l.off[i]-begin))
				begin = l.off[i]
			}
		}
		most = max(most, uint64(l.end-begin))
	}
	return most
}
