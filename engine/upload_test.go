package engine

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var uploadMiB = flag.Int("upload.mib", 24, "length of the value that TestInsertOneByte changes, in MiB")

// noise is bytes from a seed, as long as wanted. At offset at, hook is called.
type noise struct {
	src      *rand.ChaCha8
	left, at int
	hook     func() error
}

func newNoise(seed uint64, n int) *noise {
	var s [32]byte
	s[0], s[1] = byte(seed), byte(seed>>8)
	return &noise{src: rand.NewChaCha8(s), left: n, at: -1}
}

func (r *noise) Read(p []byte) (int, error) {
	if r.hook != nil && r.at <= 0 {
		hook := r.hook
		r.hook = nil
		if err := hook(); err != nil {
			return 0, err
		}
	}
	if r.left == 0 {
		return 0, io.EOF
	}
	p = p[:min(len(p), r.left, 64<<10)]
	n, err := r.src.Read(p)
	r.left -= n
	r.at -= n
	return n, err
}

// interrupt makes hook run after n bytes.
func (r *noise) interrupt(n int, hook func() error) *noise {
	r.at, r.hook = n, hook
	return r
}

func bytesOf(t tester, seed uint64, n int) []byte {
	t.Helper()
	return must(io.ReadAll(newNoise(seed, n)))(t)
}

func TestPutReader(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		for i, size := range []int{0, 1, 1200, 1300, 1 << 20, 1<<20 + 1, 3 << 20} {
			key := []byte{byte(i)}
			n, err := b.PutReader(ctx, key, newNoise(uint64(i), size))
			if err != nil || n != uint64(size) {
				t.Fatalf("%d bytes: %d, %v", size, n, err)
			}
			if got := must(b.Get(ctx, key))(t); !bytes.Equal(got, bytesOf(t, uint64(i), size)) {
				t.Fatalf("%d bytes: another value", size)
			}
		}
		root := must(b.Fold(ctx))(t)
		do(t, e.Close())
		e = start(t, open, nil)
		b = must(e.Branch(ctx, "main"))(t)
		for i, size := range []int{0, 1, 1200, 1300, 1 << 20, 1<<20 + 1, 3 << 20} {
			do(t, b.Put(ctx, []byte{byte(i)}, bytesOf(t, uint64(i), size)))
		}
		if again := must(b.Fold(ctx))(t); again != root {
			t.Errorf("P1 violated: %v read from streams, %v put whole", root, again)
		}
		do(t, e.Close())
	})
}

// What is read while garbage is collected, however often, is whole (E8).
func TestPutReaderBesideGC(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		const size = 20 << 20
		// Its first chunks are in the store already, and nothing names them.
		do(t, b.Put(ctx, []byte("gone"), bytesOf(t, 1, size/2)))
		do(t, b.Delete(ctx, []byte("gone")))
		must(b.Fold(ctx))(t)
		r := newNoise(1, size).interrupt(size*3/4, func() error {
			for range 3 {
				if _, err := e.GC(ctx, GCOptions{}); err != nil {
					return err
				}
			}
			return nil
		})
		must(b.PutReader(ctx, []byte("k"), r))(t)
		for range 3 {
			must(e.GC(ctx, GCOptions{}))(t)
		}
		if !bytes.Equal(must(b.Get(ctx, []byte("k")))(t), bytesOf(t, 1, size)) {
			t.Error("E8 violated: another value")
		}
		do(t, e.Check(ctx, func(p Problem) { t.Error(p) }))
		if n := len(e.young.held); n != 0 {
			t.Errorf("%d uploads still hold their blocks", n)
		}
		do(t, e.Close())
	})
}

// A value that does not arrive leaves the branch as it was, and its blocks go
// with the next collection.
func TestPutReaderFails(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := start(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		key := []byte("k")
		do(t, b.Put(ctx, key, []byte("before")))
		root := must(b.Fold(ctx))(t)
		kept := blocksIn(t, e)
		own := errors.New("own")
		cancelled, cancel := context.WithCancel(ctx)
		for name, r := range map[string]struct {
			ctx  context.Context
			hook func() error
			want error
		}{
			"error":     {ctx, func() error { return own }, own},
			"cut short": {ctx, func() error { return io.ErrUnexpectedEOF }, io.ErrUnexpectedEOF},
			"cancelled": {cancelled, func() error { cancel(); return nil }, context.Canceled},
		} {
			if n, err := b.PutReader(r.ctx, key, newNoise(7, 12<<20).interrupt(10<<20, r.hook)); !errors.Is(err, r.want) || n != 0 {
				t.Errorf("%s: %d bytes, %v", name, n, err)
			}
		}
		if _, err := b.PutReader(ctx, nil, newNoise(7, 1)); !errors.Is(err, prolly.ErrKeyEmpty) {
			t.Error(err)
		}
		if got := must(b.Get(ctx, key))(t); string(got) != "before" || must(b.Fold(ctx))(t) != root {
			t.Error("a failed PutReader changed the branch")
		}
		must(e.GC(ctx, GCOptions{}))(t)
		if now := blocksIn(t, e); len(now.blobs) != len(kept.blobs) {
			t.Errorf("%d blobs stay, there were %d", len(now.blobs), len(kept.blobs))
		}
		_, err := b.PutReader(ctx, key, newNoise(7, 12<<20).interrupt(10<<20, e.Close))
		want(t, err, ErrClosed)
		e = start(t, open, nil)
		b = must(e.Branch(ctx, "main"))(t)
		if got := must(b.Get(ctx, key))(t); string(got) != "before" {
			t.Error("an upload that Close cut short changed the branch")
		}
		do(t, e.Close())
	})
}

// A byte more at any place of a long value stores little anew.
func TestInsertOneByte(t *testing.T) {
	open := pebbled()
	e := start(t, open, nil)
	b := must(e.Branch(ctx, "main"))(t)
	size := *uploadMiB << 20
	must(b.PutReader(ctx, []byte("a"), newNoise(3, size)))(t)
	before := blobBytes(t, e)
	for i, at := range []int{0, size / 3, size - 1} {
		head := newNoise(3, size)
		r := io.MultiReader(io.LimitReader(head, int64(at)), bytes.NewReader([]byte("x")), head)
		if n := must(b.PutReader(ctx, []byte{'b', byte(i)}, r))(t); n != uint64(size)+1 {
			t.Fatalf("%d bytes", n)
		}
		after := blobBytes(t, e)
		share := float64(after-before) / float64(size)
		t.Logf("a byte at %d of %d: %d bytes anew, %.2f %%", at, size, after-before, 100*share)
		if after-before > max(uint64(size)/20, 5<<19) {
			t.Errorf("a byte at %d of %d stores %d bytes anew", at, size, after-before)
		}
		before = after
	}
	do(t, e.Close())
}

func blobBytes(t tester, e *Engine) (n uint64) {
	t.Helper()
	for x, err := range e.store.(kv.Scanner).ScanBlobs(ctx) {
		do(t, err)
		n += uint64(len(x.Block))
	}
	return n
}
