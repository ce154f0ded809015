package engine

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"flag"
	"fmt"
	"iter"
	"maps"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var (
	flips       = flag.Int("flips", 48, "bits that TestFlips flips")
	flipsSeed   = flag.Uint64("flips.seed", 1, "seed of TestFlips")
	flipsRescue = flag.Int("flips.salvage", 4, "every so many flips that were found are salvaged")
)

// TestFlips flips one bit in a file of a store, each time another: the open
// refuses, or the check tells, or all that can be read is as it was. What is
// read is right or an error, whatever was found; and what cannot be read the
// check has named. Of a sample, all outside the damaged blocks is salvaged.
func TestFlips(t *testing.T) {
	n := *flips
	if testing.Short() {
		n /= 4
	}
	w := newFlipWorld(t)
	list := make([]flipped, n)
	for i := range list {
		list[i] = w.plan(i)
	}
	began := time.Now()
	t.Run("flip", func(t *testing.T) {
		const workers = 2
		for k := range workers {
			t.Run(fmt.Sprint(k), func(t *testing.T) {
				t.Parallel()
				own, clean := w.copies(), w.copies()
				for i := k; i < n && !t.Failed(); i += workers {
					list[i].t, list[i].fs, list[i].clean = t, own[list[i].base.name], clean[list[i].base.name]
					list[i].try()
				}
			})
		}
	})
	for _, kind := range slices.Sorted(maps.Keys(w.tally)) {
		t.Logf("%-40s %d", kind, w.tally[kind])
	}
	t.Logf("%d bits in %v, %d salvages", n, time.Since(began).Round(time.Second), w.salvages)
	if t.Failed() {
		t.Logf("repeat with -flips %d -flips.seed %d", n, *flipsSeed)
	}
}

// flipWorld is a store in several conditions, and what is in it.
type flipWorld struct {
	t     *testing.T
	r     *rand.Rand
	bases []flipBase
	links []cid.Cid

	mu       sync.Mutex
	tally    map[string]int
	salvages int
}

// flipBase is the store in one condition.
type flipBase struct {
	name  string
	fs    *vfs.MemFS
	files map[string][]string // by kind
	want  map[string]string   // what is read, part by part
}

func newFlipWorld(t *testing.T) *flipWorld {
	w := &flipWorld{t: t, r: rand.New(rand.NewPCG(*flipsSeed, 31)), tally: map[string]int{}}
	fs := vfs.NewCrashableMem()
	e := start(t, flipStore(fs, false), &Options{Now: clock()})
	w.fill(e)
	w.base("at work", copyOfFS(fs))
	do(t, e.Close())
	w.base("closed", copyOfFS(fs))
	e = start(t, flipStore(fs, false), nil)
	must(e.GC(ctx, GCOptions{Keep: 4}))(t)
	b := must(e.Lookup(ctx, "main"))(t)
	do(t, b.Apply(ctx, salvageEdits(w.r, 30)))
	w.base("collected", copyOfFS(fs))
	do(t, e.Close())
	return w
}

func copyOfFS(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

func flipStore(fs vfs.FS, readOnly bool) opener {
	return func() (kv.Store, error) {
		return pebblekv.Open("store", &pebblekv.Options{FS: fs, MemTableBytes: 256 << 10, CacheBytes: 8 << 20, RunBytes: 256 << 10, ReadOnly: readOnly})
	}
}

// fill makes branches with a history, a merge, tags, side trees, large values,
// links, and what is staged.
func (w *flipWorld) fill(e *Engine) {
	t := w.t
	main := must(e.Branch(ctx, "main"))(t)
	for i := range 6 {
		do(t, main.Apply(ctx, salvageEdits(w.r, 250)))
		block := fmt.Appendf(nil, "a block that is linked %d", i)
		c := codec.RawCID(block)
		do(t, e.PutBlock(ctx, c, block))
		w.links = append(w.links, c)
		do(t, main.Update(ctx, func(u *Update) error {
			return errors.Join(u.Tree().Apply(ctx, []prolly.Edit{{Key: fmt.Appendf(nil, "link/%d", i), Value: prolly.Value{Link: c}}}),
				u.Side().Put(ctx, fmt.Appendf(nil, "side/%d", i), bytes.Repeat([]byte{byte(i)}, 500)))
		}))
		head := must(main.Commit(ctx, CommitOptions{Message: fmt.Sprint(i)}))(t)
		if i == 2 {
			do(t, e.Tag(ctx, "v1", head.CID))
			do(t, e.Tag(ctx, "root", head.Root))
			other := must(e.CreateBranch(ctx, "other", head.CID))(t)
			do(t, other.Apply(ctx, salvageEdits(w.r, 100)))
			must(other.Commit(ctx, CommitOptions{}))(t)
		}
	}
	size := must(main.PutReader(ctx, []byte("large"), newNoise(5, 5<<18)))(t)
	do(t, main.Put(ctx, []byte("length"), fmt.Appendf(nil, "%d", size)))
	must(main.Merge(ctx, "other", MergeOptions{Resolve: prolly.Ours}))(t)
	do(t, main.Apply(ctx, salvageEdits(w.r, 40)))
	must(main.Fold(ctx))(t)
	for range 5 {
		do(t, main.Apply(ctx, salvageEdits(w.r, 20)))
	}
	do(t, must(e.Lookup(ctx, "other"))(t).Apply(ctx, salvageEdits(w.r, 10)))
	do(t, e.Sync(ctx))
}

func (w *flipWorld) base(name string, fs *vfs.MemFS) {
	b := flipBase{name: name, fs: fs, files: map[string][]string{}}
	eachFileOf(w.t, fs, "/", func(file string, size int64) {
		if kind := strings.Trim(path.Base(file), "0123456789-"); size > 0 && kind != "LOCK" {
			b.files[kind] = append(b.files[kind], file)
		}
	})
	e := start(w.t, flipStore(copyOfFS(fs), true), &Options{ReadOnly: true})
	b.want = w.parts(e)
	for part, got := range b.want {
		if strings.HasPrefix(got, "error") {
			w.t.Fatalf("%s, undamaged: %s: %s", name, part, got)
		}
	}
	for _, p := range problems(w.t, e) {
		w.t.Errorf("%s, undamaged: %v", name, p)
	}
	do(w.t, e.Close())
	w.bases = append(w.bases, b)
}

func eachFileOf(t tester, fs vfs.FS, dir string, f func(file string, size int64)) {
	names := must(fs.List(dir))(t)
	slices.Sort(names)
	for _, name := range names {
		full := fs.PathJoin(dir, name)
		if info := must(fs.Stat(full))(t); info.IsDir() {
			eachFileOf(t, fs, full, f)
		} else {
			f(full, info.Size())
		}
	}
}

// copies are copies of all bases.
func (w *flipWorld) copies() map[string]*vfs.MemFS {
	own := map[string]*vfs.MemFS{}
	for _, b := range w.bases {
		own[b.name] = copyOfFS(b.fs)
	}
	return own
}

// plan chooses the i-th bit. Every second goes to a kind of file in turn, however small;
// the others where most bytes are.
func (w *flipWorld) plan(i int) flipped {
	b := w.bases[i%len(w.bases)]
	kinds := slices.Sorted(maps.Keys(b.files))
	var files []string
	if i/len(w.bases)%2 == 0 {
		files = b.files[kinds[i/2/len(w.bases)%len(kinds)]]
	} else {
		for _, k := range []string{".sst", ".sst", ".log", ".blob"}[w.r.IntN(4):] {
			files = append(files, b.files[k]...)
		}
	}
	file := files[w.r.IntN(len(files))]
	size := must(b.fs.Stat(file))(w.t).Size()
	for size > 400<<10 && w.r.IntN(100) > 0 { // a large value: see digester
		file = w.any(b)
		size = must(b.fs.Stat(file))(w.t).Size()
	}
	x := flipped{w: w, base: b, file: file, at: w.r.Int64N(size), bit: w.r.IntN(8)}
	if path.Base(file) == "HEAD" && w.r.IntN(8) > 0 { // most of it is padding
		x.at = int64(w.r.IntN(2))*4096 + int64(w.r.IntN(40))
	}
	x.writable = w.r.IntN(4) == 0
	x.salvage = i%*flipsRescue == 0
	return x
}

// any is any file of Pebble's.
func (w *flipWorld) any(b flipBase) string {
	kinds := [][]string{b.files[".sst"], b.files[".log"], b.files[".blob"]}
	for {
		if files := kinds[w.r.IntN(len(kinds))]; len(files) > 0 {
			return files[w.r.IntN(len(files))]
		}
	}
}

// flipped is a store with one bit flipped.
type flipped struct {
	w        *flipWorld
	t        *testing.T
	base     flipBase
	fs       *vfs.MemFS // the worker's own
	clean    *vfs.MemFS // likewise, without the flip
	file     string
	at       int64
	bit      int
	writable bool // it is opened for writing
	salvage  bool // if anything is found
}

func (x flipped) String() string {
	return fmt.Sprintf("%s, bit %d of byte %d of %s", x.base.name, x.bit, x.at, x.file)
}

func (x flipped) kind() string { return strings.Trim(path.Base(x.file), "0123456789-") }

func (x flipped) count(outcome string) {
	x.w.mu.Lock()
	x.w.tally[x.kind()+" "+outcome]++
	x.w.mu.Unlock()
}

// flip flips the bit, or flips it back.
func (x flipped) flip() {
	f := must(x.fs.OpenReadWrite(x.file, vfs.WriteCategoryUnspecified))(x.t)
	b := make([]byte, 1)
	must(f.ReadAt(b, x.at))(x.t)
	b[0] ^= 1 << x.bit
	must(f.WriteAt(b, x.at))(x.t)
	do(x.t, errors.Join(f.Sync(), f.Close()))
}

// try tries a damaged store: opened for reading, which leaves it as it is, and now and
// then a copy of it for writing.
func (x flipped) try() {
	t := x.t
	x.flip()
	defer x.flip()
	fs := x.fs
	if x.writable {
		fs = copyOfFS(fs)
	}
	s, err := flipStore(fs, !x.writable)()
	var e *Engine
	if err == nil {
		if e, err = New(s, &Options{ReadOnly: !x.writable}); err != nil {
			do(t, s.Close())
		}
	}
	if err != nil {
		x.count("found by the open")
		if !errors.Is(err, kv.ErrCorrupt) && !errors.Is(err, kv.ErrRollback) && !errors.Is(err, kv.ErrFormat) && !errors.Is(err, ErrCorrupt) && !errors.Is(err, ErrRollback) {
			x.count("of these without a name")
			t.Logf("%v: open: %v", x, err)
		}
		x.rescued()
		return
	}
	found := x.opened(e)
	if err := e.Close(); err != nil && !errors.Is(err, kv.ErrFailed) && !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("%v: close: %v", x, err)
	}
	if found {
		x.rescued()
	}
}

// opened compares what is read with what was there, and with what the check
// says. It tells whether anything was found.
func (x flipped) opened(e *Engine) bool {
	t := x.t
	var list []Problem
	err := e.Check(ctx, func(p Problem) { list = append(list, p) })
	named := map[string]bool{}
	for _, p := range list {
		named[p.Branch] = true
	}
	got := x.w.parts(e)
	lost := 0
	for part, want := range x.base.want {
		switch is := got[part]; {
		case is == want:
		case !strings.HasPrefix(is, "error"):
			t.Errorf("%v: %s is wrong without an error: %.80s, not %.80s", x, part, is, want)
		default:
			lost++
			if kind, of, _ := strings.Cut(part, " "); err == nil && kind != "block" && len(list) > 0 && !named[of] {
				t.Errorf("%v: %s cannot be read (%s), and the check does not name it: %v", x, part, is, list)
			}
		}
	}
	switch {
	case err == nil && len(list) == 0 && lost > 0:
		t.Errorf("%v: the check found nothing, and %d parts cannot be read: %v", x, lost, got)
	case err != nil:
		x.count("ended the check")
		t.Logf("%v: check: %v", x, err)
	case len(list) > 0 && lost == 0:
		x.count("found by the check, harmless")
	case len(list) > 0:
		x.count("found by the check")
	default:
		x.count("identical")
		return false
	}
	return true
}

// parts reads everything, part by part: what it holds, or an error. Parts are
// named by their kind and the branch or tag through which they are met.
func (w *flipWorld) parts(e *Engine) map[string]string {
	parts := map[string]string{}
	blobs := map[string]blobRead{}
	put := func(part string, f func(h *digester) error) {
		h := &digester{blobs: blobs}
		if err := f(h); err != nil {
			parts[part] = fmt.Sprintf("error: %v", err)
		} else {
			parts[part] = h.sum()
		}
	}
	for _, name := range []string{"main", "other"} {
		put("branch "+name, func(h *digester) error { return h.branch(e, name) })
		put("history "+name, func(h *digester) error { return h.history(e, name) })
	}
	for _, name := range []string{"v1", "root"} {
		put("tag "+name, func(h *digester) error { return h.ref(e, name) })
	}
	put("names ", func(h *digester) error { return h.names(e) })
	for i, c := range w.links {
		put(fmt.Sprintf("block %d", i), func(h *digester) error {
			b, err := e.ReadBlock(ctx, c)
			h.add(b)
			return err
		})
	}
	return parts
}

// digester makes a digest of what is read. Each blob is read once: Pebble takes
// its time over a damaged one, to find out which bit it is.
type digester struct {
	all   [sha256.Size]byte
	n     int
	blobs map[string]blobRead // by name
}

type blobRead struct {
	sum [sha256.Size]byte
	err error
}

func (h *digester) add(b []byte) {
	h.n++
	h.all = sha256.Sum256(append(h.all[:], b...))
}

func (h *digester) sum() string { return fmt.Sprintf("%d items, %x", h.n, h.all[:8]) }

func (h *digester) names(e *Engine) error {
	branches, err := e.Branches(ctx)
	if err != nil {
		return err
	}
	for _, b := range branches {
		h.add([]byte(b.Name))
	}
	tags, err := e.Tags(ctx)
	for _, tag := range tags {
		h.add([]byte(tag.Name + tag.CID.String()))
	}
	return err
}

func (h *digester) entries(seq iter.Seq2[prolly.Entry, error], get getter) error {
	for x, err := range seq {
		if err != nil {
			return err
		}
		h.add(x.Key)
		if x.Value.Link.Defined() {
			h.add(x.Value.Link.Bytes())
			continue
		}
		if x.Value.Kind() == codec.Inline {
			h.add(x.Value.Bytes)
			continue
		}
		name := x.Value.Blob().KeyString()
		if _, ok := h.blobs[name]; !ok {
			v, err := get(ctx, x.Key)
			h.blobs[name] = blobRead{sha256.Sum256(v), err}
		}
		b := h.blobs[name]
		if b.err != nil {
			return b.err
		}
		h.add(b.sum[:])
	}
	return nil
}

func (h *digester) branch(e *Engine, name string) error {
	b, err := e.Lookup(ctx, name)
	if err != nil {
		return err
	}
	if err := h.entries(b.Range(ctx, prolly.Range{}), b.Get); err != nil {
		return err
	}
	side := b.Side()
	return h.entries(side.Range(ctx, prolly.Range{}), side.Get)
}

func (h *digester) history(e *Engine, name string) error {
	b, err := e.Lookup(ctx, name)
	if err != nil {
		return err
	}
	for c, err := range b.Log(ctx, LogOptions{}) {
		if err != nil {
			return err
		}
		h.add(c.CID.Bytes())
		t, err := prolly.Load(ctx, e.Nodes(), c.Root)
		if err == nil {
			err = h.entries(t.Range(ctx, prolly.Range{}), t.Get)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (h *digester) ref(e *Engine, name string) error {
	r, err := e.Resolve(ctx, name)
	if err != nil {
		return err
	}
	t, err := prolly.Load(ctx, e.Nodes(), r.Root)
	if err != nil {
		return err
	}
	return h.entries(t.Range(ctx, prolly.Range{}), t.Get)
}
