package engine

import (
	"bytes"
	"errors"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestSize: the size of a value is what Lookup says, of every kind, staged and
// folded, and reads no blob.
func TestSize(t *testing.T) {
	x := &tampered{}
	e := startTest(t, x.opener(memory()), nil)
	b := must(e.Branch(ctx, "main"))(t)
	values := map[string]prolly.Value{
		"empty": {Bytes: []byte{}}, "inline": {Bytes: make([]byte, 100)}, "blob": {Bytes: make([]byte, 5000)},
		"chunks": {Bytes: bytes.Repeat([]byte("chunk"), codec.MaxBlob)}, "link": {Link: codec.RawCID([]byte("elsewhere"))},
	}
	for k, v := range values {
		do(t, b.Apply(ctx, []prolly.Edit{{Key: []byte(k), Value: v}}))
	}
	do(t, b.Delete(ctx, []byte("deleted")))
	for _, staged := range []bool{true, false} {
		if !staged {
			must(b.Fold(ctx))(t)
		}
		reads := e.Stats().BlobReads
		for k, v := range values {
			want := must(b.Lookup(ctx, []byte(k)))(t).Value.Size
			if got := must(b.Size(ctx, []byte(k)))(t); got != want || v.Bytes != nil && got != uint64(len(v.Bytes)) {
				t.Errorf("staged %v: %s has size %d, want %d", staged, k, got, want)
			}
		}
		for _, k := range []string{"deleted", "never"} {
			if _, err := b.Size(ctx, []byte(k)); !errors.Is(err, ErrNotFound) {
				t.Errorf("staged %v: %s: %v", staged, k, err)
			}
		}
		if n := e.Stats().BlobReads - reads; n > 0 {
			t.Errorf("staged %v: %d blobs read", staged, n)
		}
	}
}
