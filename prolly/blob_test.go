package prolly

import (
	"bytes"
	"context"
	"errors"
	"io"
	"testing"

	cid "github.com/ipfs/go-cid"
)

// TestOpenReadsPieces seeks and reads at random in values of every size class.
func TestOpenReadsPieces(t *testing.T) {
	s := newSource(t, 5)
	ns := NewMemStore()
	for _, size := range []int{0, 1, 1200, 1300, 1 << 20, 1<<20 + 1, 5 << 20} {
		want := s.bytes(size)
		tree, err := Empty(ns).Apply(ctx, []Edit{{Key: []byte("k"), Value: Value{Bytes: want}}})
		if err != nil {
			t.Fatal(err)
		}
		r, err := tree.Open(ctx, []byte("k"))
		if err != nil {
			t.Fatal(err)
		}
		all, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(all, want) {
			t.Fatalf("%d bytes: read %d, %v", size, len(all), err)
		}
		for range 20 {
			at := s.IntN(size + 1)
			if _, err := r.Seek(int64(at), io.SeekStart); err != nil {
				t.Fatal(err)
			}
			b := make([]byte, s.IntN(size-at+1))
			if _, err := io.ReadFull(r, b); err != nil || !bytes.Equal(b, want[at:at+len(b)]) {
				t.Fatalf("%d bytes at %d of %d: %v", len(b), at, size, err)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
		if _, err := r.Read(make([]byte, 1)); err == nil {
			t.Fatal("a closed reader reads")
		}
		if got, err := tree.Get(ctx, []byte("k")); err != nil || !bytes.Equal(got, want) {
			t.Fatalf("Get of %d bytes: %d, %v", size, len(got), err)
		}
	}
}

// spoiled hands out blobs changed in some way.
type spoiled struct {
	NodeStore
	how func([]byte) []byte
}

func (s spoiled) ReadBlob(ctx context.Context, c cid.Cid) (io.ReadCloser, error) {
	rc, err := s.NodeStore.ReadBlob(ctx, c)
	if err != nil {
		return nil, err
	}
	b, err := io.ReadAll(rc)
	if err != nil {
		return nil, err
	}
	return io.NopCloser(bytes.NewReader(s.how(bytes.Clone(b)))), nil
}

// TestSpoiledBlobs: a value out of line is right or an error (P6).
func TestSpoiledBlobs(t *testing.T) {
	s := newSource(t, 6)
	ns := NewMemStore()
	for _, size := range []int{1300, 1 << 20, 3 << 20} {
		tree, err := Empty(ns).Apply(ctx, []Edit{{Key: []byte("k"), Value: Value{Bytes: s.bytes(size)}}})
		if err != nil {
			t.Fatal(err)
		}
		for name, how := range map[string]func([]byte) []byte{
			"a bit flipped": func(b []byte) []byte { b[len(b)/3] ^= 1; return b },
			"cut short":     func(b []byte) []byte { return b[:len(b)-1] },
			"a byte more":   func(b []byte) []byte { return append(b, 0) },
			"nothing":       func([]byte) []byte { return nil },
		} {
			if got, err := tree.In(spoiled{ns, how}).Get(ctx, []byte("k")); !errors.Is(err, ErrCorrupt) {
				t.Errorf("%d bytes, %s: %d bytes, %v", size, name, len(got), err)
			}
		}
	}
}
