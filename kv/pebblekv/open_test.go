package pebblekv_test

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

var bg = context.Background()

// TestNotAStore: a directory that holds something else is refused and left
// alone.
func TestNotAStore(t *testing.T) {
	dir := t.TempDir()
	write := func(name, content string) {
		t.Helper()
		path := filepath.Join(dir, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o755), os.WriteFile(path, []byte(content), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	write("notes/letter.txt", "dear")
	write("file", "not a directory")
	write("strange/data/letter.txt", "not a store's data")
	write("empty/LOCK", "")
	for _, c := range []struct {
		dir string
		o   pebblekv.Options
		err error
	}{
		{"notes", pebblekv.Options{}, kv.ErrFormat},
		{"file", pebblekv.Options{}, kv.ErrFormat},
		{"strange", pebblekv.Options{}, kv.ErrFormat},
		{"missing", pebblekv.Options{MustExist: true}, kv.ErrNoStore},
		{"missing", pebblekv.Options{ReadOnly: true}, kv.ErrNoStore},
		{"empty", pebblekv.Options{MustExist: true}, kv.ErrNoStore},
	} {
		before := listing(t, dir)
		_, err := pebblekv.Open(filepath.Join(dir, c.dir), &c.o)
		if !errors.Is(err, c.err) || !strings.Contains(err.Error(), filepath.Join(dir, c.dir)) {
			t.Errorf("%s: got error %v, want %v that names the directory", c.dir, err, c.err)
		}
		if after := listing(t, dir); after != before {
			t.Errorf("%s was changed:\n%s\nbefore:\n%s", c.dir, after, before)
		}
	}
	s, err := pebblekv.Open(filepath.Join(dir, "deep", "er", "empty"), nil)
	if err != nil {
		t.Fatalf("in directories that are missing: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
}

// listing is every file below dir with its content.
func listing(t *testing.T, dir string) string {
	var b strings.Builder
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			b.WriteString(path + "\n")
			return err
		}
		content, err := os.ReadFile(path)
		b.WriteString(path + " " + string(content) + "\n")
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// written is a directory with a closed store in which main is "one".
func written(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "store")
	s, err := pebblekv.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(swap(s, "main", nil, "one"), s.Close()); err != nil {
		t.Fatal(err)
	}
	return dir
}

func swap(s kv.Store, name string, old []byte, next string) error {
	b := s.NewBatch()
	return errors.Join(b.SwapRef(name, old, []byte(next)), b.AppendLog(name, uint64(len(next)), nil), b.Commit(bg))
}

// TestReadOnly: nothing is written, and writes are refused.
func TestReadOnly(t *testing.T) {
	dir := written(t)
	before := listing(t, dir)
	s, err := pebblekv.Open(dir, &pebblekv.Options{ReadOnly: true})
	if err != nil {
		t.Fatal(err)
	}
	if v, err := s.ReadRef(bg, "main"); err != nil || string(v) != "one" {
		t.Errorf("ReadRef = %q, %v", v, err)
	}
	if err := swap(s, "main", []byte("one"), "two"); !errors.Is(err, kv.ErrReadOnly) {
		t.Errorf("a write gave %v", err)
	}
	if _, err := s.Sweep(bg, kv.Keep{}); !errors.Is(err, kv.ErrReadOnly) {
		t.Errorf("a sweep gave %v", err)
	}
	if err := s.CheckStore(bg, func(err error) { t.Error(err) }); err != nil {
		t.Error(err)
	}
	if err := errors.Join(s.Sync(bg), s.Close()); err != nil {
		t.Error(err)
	}
	if after := listing(t, dir); after != before {
		t.Error("a store opened for reading was changed (P6)")
	}
}

// TestReadOnlyAfterCrash: a log that was not replayed yet is read and left.
func TestReadOnlyAfterCrash(t *testing.T) {
	fs := vfs.NewCrashableMem()
	s, err := pebblekv.Open("/store", &pebblekv.Options{FS: fs})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(swap(s, "main", nil, "one"), s.Sync(bg)); err != nil {
		t.Fatal(err)
	}
	crashed := fs.CrashClone(vfs.CrashCloneCfg{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	for _, readOnly := range []bool{true, true, false} {
		s, err := pebblekv.Open("/store", &pebblekv.Options{FS: crashed, ReadOnly: readOnly})
		if err != nil {
			t.Fatal(err)
		}
		if v, err := s.ReadRef(bg, "main"); err != nil || string(v) != "one" {
			t.Errorf("ReadRef = %q, %v", v, err)
		}
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}
}

// TestRollback: an older copy of the files under a newer head record is
// refused, and left as it is.
func TestRollback(t *testing.T) {
	dir := written(t)
	old := t.TempDir()
	if err := os.CopyFS(old, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	s, err := pebblekv.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(swap(s, "main", []byte("one"), "second"), s.Close()); err != nil {
		t.Fatal(err)
	}
	head, err := os.ReadFile(filepath.Join(dir, "data", "HEAD"))
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(old, "data", "HEAD"), head, 0o644); err != nil {
		t.Fatal(err)
	}
	before := listing(t, old)
	if _, err := pebblekv.Open(old, nil); !errors.Is(err, kv.ErrRollback) {
		t.Errorf("got %v, want ErrRollback", err)
	}
	if listing(t, old) != before {
		t.Error("a store that was rolled back was changed (P6)")
	}
}

// TestHeadDamage: one bad slot is what a crash leaves; two, none, or one of
// another format are errors.
func TestHeadDamage(t *testing.T) {
	damage := func(slots ...int) func([]byte) []byte {
		return func(b []byte) []byte {
			for _, slot := range slots {
				b[slot*4096+30] ^= 1
			}
			return b
		}
	}
	for name, c := range map[string]struct {
		change func([]byte) []byte
		err    error
	}{
		"first slot":  {damage(0), nil},
		"second slot": {damage(1), nil},
		"both slots":  {damage(0, 1), kv.ErrCorrupt},
		"cut short":   {func(b []byte) []byte { return b[:20] }, kv.ErrCorrupt},
		"empty":       {func(b []byte) []byte { return nil }, kv.ErrCorrupt},
	} {
		t.Run(name, func(t *testing.T) {
			dir := written(t)
			path := filepath.Join(dir, "data", "HEAD")
			b, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, c.change(b), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
			s, err := pebblekv.Open(dir, nil)
			if !errors.Is(err, c.err) {
				t.Fatalf("got %v, want %v", err, c.err)
			}
			if err != nil {
				return
			}
			if err := errors.Join(swap(s, "main", []byte("one"), "second"), s.Close()); err != nil {
				t.Error(err)
			}
			if s, err = pebblekv.Open(dir, nil); err != nil {
				t.Fatal(err)
			}
			if err := s.Close(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("missing", func(t *testing.T) {
		dir := written(t)
		if err := os.Remove(filepath.Join(dir, "data", "HEAD")); err != nil {
			t.Fatal(err)
		}
		if _, err := pebblekv.Open(dir, nil); !errors.Is(err, kv.ErrCorrupt) {
			t.Errorf("got %v, want ErrCorrupt", err)
		}
	})
}

// TestLocked: a second handle is refused however the directory is spelled, and
// in another process.
func TestLocked(t *testing.T) {
	if dir := os.Getenv("PEBBLEKV_TEST_LOCKED"); dir != "" {
		if _, err := pebblekv.Open(dir, nil); !errors.Is(err, kv.ErrLocked) {
			t.Fatalf("another process got %v", err)
		}
		return
	}
	dir := written(t)
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	s, err := pebblekv.Open(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(filepath.Dir(dir))
	for _, spelled := range []string{dir, link, filepath.Base(dir), dir + "/../" + filepath.Base(dir) + "/"} {
		for _, readOnly := range []bool{false, true} {
			_, err := pebblekv.Open(spelled, &pebblekv.Options{ReadOnly: readOnly})
			if !errors.Is(err, kv.ErrLocked) || !strings.Contains(err.Error(), dir) {
				t.Errorf("%s: got %v, want ErrLocked that names %s", spelled, err, dir)
			}
		}
	}
	other := exec.Command(os.Args[0], "-test.run", "^TestLocked$")
	other.Env = append(os.Environ(), "PEBBLEKV_TEST_LOCKED="+dir)
	if out, err := other.CombinedOutput(); err != nil {
		t.Errorf("%v\n%s", err, out)
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if s, err = pebblekv.Open(link, nil); err != nil {
		t.Fatalf("after Close: %v", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}

// TestTooLarge: a batch says no before Pebble panics.
func TestTooLarge(t *testing.T) {
	s, err := pebblekv.Open("/store", &pebblekv.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	b := s.NewBatch()
	huge := make([]byte, 1<<30) // never touched, so it takes no memory
	if _, err := b.PutNode(codec.Hash{1}, huge, nil); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("a node of 1 GiB gave %v", err)
	}
	if err := b.PutBlob(codec.RawCID([]byte("x")), huge); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("a blob of 1 GiB gave %v", err)
	}
	if err := b.AppendLog("main", 1, huge); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("a record of 1 GiB gave %v", err)
	}
	if _, err := b.PutNode(codec.Hash{1}, nil, make([]kv.Hint, 1<<16)); !errors.Is(err, kv.ErrTooLarge) {
		t.Errorf("65,536 children gave %v", err)
	}
	if err := errors.Join(b.AppendLog("main", 1, nil), b.Commit(bg), s.Close()); err != nil {
		t.Error(err)
	}
}

// TestSweepGivesBack: what a sweep removes leaves the disk.
func TestSweepGivesBack(t *testing.T) {
	dir := t.TempDir()
	s, err := pebblekv.Open(dir, &pebblekv.Options{MemTableBytes: 256 << 10})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	var kept codec.Hash
	for i := range 4000 {
		block := make([]byte, 4096+i%1000)
		for j := range block {
			block[j] = byte(i*j*j>>3 + j*7)
		}
		h := codec.Sum(block)
		if kept = h; i%2 == 0 {
			kept = codec.Hash{}
		}
		b := s.NewBatch()
		_, err := b.PutNode(h, block, nil)
		if err := errors.Join(err, b.PutBlob(codec.RawCID(block), block), b.Commit(bg)); err != nil {
			t.Fatal(err)
		}
	}
	before, err := s.DiskUsage(bg)
	if err != nil {
		t.Fatal(err)
	}
	w, err := s.Sweep(bg, kv.Keep{
		Node: func(h codec.Hash) bool { return h == kept },
		Blob: func([]byte) bool { return false },
	})
	if err != nil || w.Nodes < 3000 || w.Blobs < 3000 {
		t.Fatalf("swept %+v, %v", w, err)
	}
	after, err := s.DiskUsage(bg)
	if err != nil || after > before/5 {
		t.Errorf("the sweep of nearly all took the disk from %d to %d bytes, %v", before, after, err)
	}
}

// TestNoLogsLeft: a store that was closed holds no logs.
func TestNoLogsLeft(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		s, err := pebblekv.Open(dir, &pebblekv.Options{MemTableBytes: 256 << 10})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 2000 {
			b := s.NewBatch()
			_, err := b.PutNode(codec.Hash{byte(i), byte(i >> 8)}, make([]byte, 1000), nil)
			if err := errors.Join(err, b.Commit(bg)); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		logs, err := filepath.Glob(filepath.Join(dir, "data", "*.log"))
		if err != nil || len(logs) > 0 {
			t.Errorf("a closed store holds %q, %v", logs, err)
		}
	}
}
