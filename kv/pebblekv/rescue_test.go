package pebblekv

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

var rescueDamages = flag.Int("rescue.damages", 36, "how many times TestRescueLosesTheUnit damages a store")

// rescueWorld is a store at work, with tables, values and a log, and what is in it. Half
// of its nodes are in the form of format 1.
type rescueWorld struct {
	t      *testing.T
	fs     *vfs.MemFS
	nodes  map[codec.Hash][]byte
	blobs  map[string][]byte // by multihash
	refs   map[string][]byte
	staged map[string]int // how many records, by ref
	files  map[string][]string
}

func noise(r *rand.Rand, n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(r.Uint32())
	}
	return b
}

func newRescueWorld(t *testing.T, r *rand.Rand) *rescueWorld {
	t.Helper()
	w := &rescueWorld{t: t, nodes: map[codec.Hash][]byte{}, blobs: map[string][]byte{}, refs: map[string][]byte{}, staged: map[string]int{}, files: map[string][]string{}}
	fs := vfs.NewCrashableMem()
	s := w.open(fs, &Options{MemTableBytes: 192 << 10})
	for i := range 40 {
		b := s.NewBatch()
		var err error
		for range 1 + r.IntN(60) {
			block := noise(r, 100+r.IntN(3000))
			h := codec.Sum(block)
			var e error
			if i%2 == 0 {
				_, e = b.PutNode(h, block, make([]kv.Hint, r.IntN(3)))
			} else {
				_, e = putOfOne(b.(*batch), h, block, make([]kv.Hint, r.IntN(3)))
			}
			w.nodes[h], err = block, errors.Join(err, e)
		}
		for _, code := range []uint64{mh.SHA2_256, mh.BLAKE3, mh.SHA2_512} {
			block := noise(r, 200+r.IntN(9000))
			name, e := mh.Sum(block, code, -1)
			w.blobs[string(name)], err = block, errors.Join(err, e, b.PutBlob(cid.NewCidV1(cid.Raw, name), block))
		}
		name := fmt.Sprintf("ref/%d", i%5)
		value := noise(r, 60)
		err = errors.Join(err, b.SwapRef(name, w.refs[name], value))
		for range r.IntN(3) {
			w.staged[name]++
			err = errors.Join(err, b.AppendLog(name, uint64(w.staged[name]), noise(r, 80)))
		}
		w.refs[name] = value
		if err = errors.Join(err, b.Commit(context.Background())); err != nil {
			t.Fatal(err)
		}
	}
	if err := s.Sync(context.Background()); err != nil {
		t.Fatal(err)
	}
	w.fs = cloneOf(fs)
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, name := range w.list() {
		kind := name[bytes.IndexByte([]byte(name), '.')+1:]
		w.files[kind] = append(w.files[kind], w.fs.PathJoin("/store", dataName, name))
	}
	return w
}

func cloneOf(fs *vfs.MemFS) *vfs.MemFS {
	return fs.CrashClone(vfs.CrashCloneCfg{UnsyncedDataPercent: 100, RNG: rand.New(rand.NewPCG(1, 1))})
}

func (w *rescueWorld) open(fs vfs.FS, o *Options) *Store {
	w.t.Helper()
	o.FS = fs
	s, err := Open("/store", o)
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *rescueWorld) list() []string {
	list, err := w.fs.List(w.fs.PathJoin("/store", dataName))
	if err != nil {
		w.t.Fatal(err)
	}
	return slices.DeleteFunc(list, func(name string) bool {
		info, err := w.fs.Stat(w.fs.PathJoin("/store", dataName, name))
		return err != nil || info.Size() == 0 || !isTable(name) && !isValues(name) && !isLog(name)
	})
}

// within says what may be lost when bytes of a file are damaged.
func (w *rescueWorld) within(file string, from, to int64) Unit {
	l := Unit{Nodes: map[codec.Hash]bool{}, Blobs: map[string]bool{}, Refs: map[string]bool{}, Staged: map[string]bool{}}
	for at := from; at < to; at++ {
		u, err := Within(w.fs, file, at)
		if err != nil {
			w.t.Fatal(err)
		}
		maps.Copy(l.Nodes, u.Nodes)
		maps.Copy(l.Blobs, u.Blobs)
		maps.Copy(l.Refs, u.Refs)
		maps.Copy(l.Staged, u.Staged)
	}
	for name, block := range w.blobs { // Within names values by SHA-256
		if l.Blobs[string(sha256Name(block))] {
			l.Blobs[name] = true
		}
	}
	return l
}

// TestRescueLosesTheUnit: of a store with damaged bytes in a table, in values or in a
// log all is read but what shares a checksum with them.
func TestRescueLosesTheUnit(t *testing.T) {
	const seed = 5
	r := rand.New(rand.NewPCG(seed, 3))
	w := newRescueWorld(t, r)
	n := *rescueDamages
	if testing.Short() {
		n /= 4
	}
	kinds := slices.Sorted(maps.Keys(w.files))
	if len(kinds) != 3 {
		t.Fatalf("files of %v", kinds)
	}
	missing := map[string]int{}
	for i := range n {
		kind := kinds[i%len(kinds)]
		file := w.files[kind][r.IntN(len(w.files[kind]))]
		fs := cloneOf(w.fs)
		f, err := fs.OpenReadWrite(file, vfs.WriteCategoryUnspecified)
		if err != nil {
			t.Fatal(err)
		}
		info, err := f.Stat()
		if err != nil {
			t.Fatal(err)
		}
		from := r.Int64N(info.Size())
		to := min(from+int64(1+r.IntN(2)*r.IntN(30)), info.Size())
		b := make([]byte, to-from)
		_, err = f.ReadAt(b, from)
		for i := range b {
			b[i] ^= 1 << r.IntN(8)
		}
		_, e := f.WriteAt(b, from)
		if err := errors.Join(err, e, f.Close()); err != nil {
			t.Fatal(err)
		}
		what := fmt.Sprintf("seed %d, %d: bytes %d to %d of %s", seed, i, from, to, file)
		missing[kind] += w.compare(what, fs, w.within(file, from, to))
	}
	for kind, n := range missing {
		t.Logf("%s: %d missing, all of a damaged unit", kind, n)
	}
}

// compare opens a damaged store and returns how much of it is missing.
func (w *rescueWorld) compare(what string, fs vfs.FS, may Unit) (missing int) {
	s := w.open(fs, &Options{ReadOnly: true, Damaged: true})
	ctx := context.Background()
	for h, block := range w.nodes {
		n, err := s.ReadNode(ctx, h, kv.Hint{})
		if err == nil && bytes.Equal(n.Block, block) {
			continue
		}
		if missing++; !may.Nodes[h] {
			w.t.Errorf("%s: node %v: %v", what, h, err)
		}
	}
	for name, block := range w.blobs {
		b, err := s.ReadBlob(ctx, cid.NewCidV1(cid.Raw, []byte(name)))
		if err == nil && bytes.Equal(b, block) {
			continue
		}
		if missing++; !may.Blobs[name] {
			w.t.Errorf("%s: blob %x of %d bytes: %v", what, name, len(block), err)
		}
	}
	for name, value := range w.refs {
		got, err := s.ReadRef(ctx, name)
		if err == nil && bytes.Equal(got, value) {
			continue
		}
		if missing++; !may.Refs[name] {
			w.t.Errorf("%s: ref %s: %v", what, name, err)
		} else if s.Damage() == nil {
			w.t.Errorf("%s: ref %s is missing or another, and Damage says nothing", what, name)
		}
	}
	for name, want := range w.staged {
		got := 0
		for _, err := range s.ReadLog(ctx, name, 0) {
			if err != nil {
				w.t.Errorf("%s: log of %s: %v", what, name, err)
				break
			}
			got++
		}
		if got == want {
			continue
		}
		if missing++; !may.Staged[name] {
			w.t.Errorf("%s: %d records of %s, want %d", what, got, name, want)
		} else if s.Damage() == nil {
			w.t.Errorf("%s: records of %s are missing, and Damage says nothing", what, name)
		}
	}
	if err := s.Close(); err != nil {
		w.t.Error(err)
	}
	return missing
}
