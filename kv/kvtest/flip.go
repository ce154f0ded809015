package kvtest

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"path"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// FlipSweep flips one bit in a file of a store, each time another, and reads
// everything. That must fail, or tell of the damage, or give what was there. A
// store that does not open must be left as it was found. Both what Run leaves
// and what a crash right after its last acknowledgement but one leaves are tried.
func FlipSweep(t *testing.T, w Workload, o SweepOptions) {
	t.Helper()
	o = o.orDefaults(t, *flipPoints)
	rng := o.rng(3)
	for _, base := range flipBases(t, w) {
		want, err := w.Observe(copyOf(base.fs))
		if err != nil {
			t.Fatalf("%s, %s, undamaged: %v", w.Name, base.name, err)
		}
		tally := map[string]int{}
		for i := range o.Points / 2 {
			f := &flip{w: w, fs: copyOf(base.fs), want: want}
			f.choose(rng, i)
			if err := f.try(tally); err != nil {
				t.Errorf("%s, %s, %s: %v", w.Name, base.name, f, err)
			}
		}
		t.Logf("%s, %s: %v, seed %d", w.Name, base.name, tally, o.Seed)
	}
}

type flipBase struct {
	name string
	fs   *vfs.MemFS
}

// flipBases are the stores to damage. Observe must find the same in all of
// them, so the one that was not closed has all of the workload in it.
func flipBases(t *testing.T, w Workload) []flipBase {
	fs := vfs.NewCrashableMem()
	var links sync.RWMutex
	var acks []*vfs.MemFS
	l := &Ledger{}
	l.onChange = func() {
		if l.Acked() == l.Begun() {
			links.Lock()
			acks = append(acks, copyOf(fs))
			links.Unlock()
		}
	}
	if err := protect(func() error { return w.Run(linkFS{fs, &links}, l) }); err != nil {
		t.Fatalf("%s: %v", w.Name, err)
	}
	bases := []flipBase{{"closed", fs}}
	if len(acks) > 1 {
		bases = append(bases, flipBase{"crashed", acks[len(acks)-2]})
	}
	return bases
}

// flip is one bit of one file.
type flip struct {
	w    Workload
	fs   *vfs.MemFS
	want string

	file string
	at   int64
	bit  int
}

func (f *flip) String() string { return fmt.Sprintf("bit %d of byte %d of %s", f.bit, f.at, f.file) }

// choose takes another kind of file each time, so that small files get their
// share.
func (f *flip) choose(rng *rand.Rand, i int) {
	kinds := map[string][]string{}
	sizes := map[string]int64{}
	eachFile(f.fs, "/", func(name string, data []byte) {
		if len(data) > 0 {
			kinds[fileKind(name)] = append(kinds[fileKind(name)], name)
			sizes[name] = int64(len(data))
		}
	})
	var names []string
	for kind := range kinds {
		names = append(names, kind)
	}
	slices.Sort(names)
	files := kinds[names[i%len(names)]]
	slices.Sort(files)
	f.file = files[rng.IntN(len(files))]
	f.at, f.bit = rng.Int64N(sizes[f.file]), rng.IntN(8)
	data, err := f.fs.UnsafeGetFileDataBuffer(f.file)
	for err == nil && data[f.at] == 0 && rng.IntN(8) > 0 { // most of the head record is padding
		f.at = rng.Int64N(sizes[f.file])
	}
}

// fileKind is the name of a file without its number.
func fileKind(name string) string {
	return strings.Trim(path.Base(name), "0123456789-")
}

// try flips the bit and looks what comes of it.
func (f *flip) try(tally map[string]int) error {
	if err := flipBit(f.fs, f.file, f.at, f.bit); err != nil {
		return err
	}
	before := contents(f.fs)
	var got string
	err := protect(func() (err error) { got, err = f.w.Observe(f.fs); return err })
	switch {
	case err == nil && got == f.want:
		tally[fileKind(f.file)+" harmless"]++
		return nil
	case err == nil:
		return fmt.Errorf("reads differ without an error (K6):\n%s", firstDifference(got, f.want))
	case strings.HasPrefix(err.Error(), "panic"):
		return err
	}
	if errors.Is(err, kv.ErrFailed) {
		return fmt.Errorf("damage stopped the store: %w", err)
	}
	tally[fileKind(f.file)+" found"]++
	if strings.HasPrefix(err.Error(), "open:") && contents(f.fs) != before {
		return fmt.Errorf("the open failed, and changed files: %w", err)
	}
	return nil
}

func firstDifference(a, b string) string {
	x, y := strings.Split(a, "\n"), strings.Split(b, "\n")
	for i := range min(len(x), len(y)) {
		if x[i] != y[i] {
			return fmt.Sprintf("got  %.200s\nwant %.200s", x[i], y[i])
		}
	}
	return fmt.Sprintf("%d lines, want %d", len(x), len(y))
}

func flipBit(fs *vfs.MemFS, name string, at int64, bit int) error {
	f, err := fs.OpenReadWrite(name, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	b := make([]byte, 1)
	if _, err = f.ReadAt(b, at); err == nil {
		b[0] ^= 1 << bit
		_, err = f.WriteAt(b, at)
	}
	if err == nil {
		err = f.Sync()
	}
	if e := f.Close(); err == nil {
		err = e
	}
	return err
}

// contents is everything in all files but locks.
func contents(fs *vfs.MemFS) string {
	var b bytes.Buffer
	eachFile(fs, "/", func(name string, data []byte) {
		fmt.Fprintf(&b, "%s %d %x\n", name, len(data), data)
	})
	return b.String()
}

// eachFile calls f with every file below dir, in order, but locks.
func eachFile(fs *vfs.MemFS, dir string, f func(name string, data []byte)) {
	names, err := fs.List(dir)
	if err != nil {
		panic(err)
	}
	slices.Sort(names)
	for _, name := range names {
		full := fs.PathJoin(dir, name)
		info, err := fs.Stat(full)
		if err != nil {
			panic(err)
		}
		switch {
		case info.IsDir():
			eachFile(fs, full, f)
		case name != "LOCK":
			data, err := fs.UnsafeGetFileDataBuffer(full)
			if err != nil {
				panic(err)
			}
			f(full, data)
		}
	}
}
