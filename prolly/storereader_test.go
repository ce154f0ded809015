package prolly

import (
	"bytes"
	"errors"
	"io"
	"testing"
	"testing/iotest"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// StoreReader makes of a stream what StoreValue makes of its bytes.
func TestStoreReader(t *testing.T) {
	s := newSource(t, 11)
	key := []byte("key")
	for _, size := range []int{0, 1, 1273, 1274, codec.MaxBlob - 1, codec.MaxBlob, codec.MaxBlob + 1, 3 << 20} {
		b := s.bytes(size)
		ns := NewMemStore()
		want, err := StoreValue(ctx, ns, key, b)
		if err != nil {
			t.Fatal(err)
		}
		for name, r := range map[string]io.Reader{
			"whole": bytes.NewReader(b), "halves": iotest.HalfReader(bytes.NewReader(b)), "data with EOF": iotest.DataErrReader(bytes.NewReader(b)),
		} {
			got, err := StoreReader(ctx, ns, key, r)
			if err != nil || got.Kind() != want.Kind() || got.Size != want.Size || !bytes.Equal(got.blob, want.blob) || !bytes.Equal(got.Bytes, want.Bytes) {
				t.Errorf("%d bytes, %s: %v %v, want %v; %v", size, name, got.Kind(), got.Blob(), want.Blob(), err)
			}
		}
	}
}

// An error of the reader is no end of the value, also one that looks like it.
func TestStoreReaderFails(t *testing.T) {
	s := newSource(t, 12)
	own := errors.New("own")
	for _, fault := range []error{own, io.ErrUnexpectedEOF} {
		for _, size := range []int{0, 100, codec.MaxBlob, codec.MaxBlob + 1, 2 << 20, 5 << 20} {
			r := io.MultiReader(bytes.NewReader(s.bytes(size)), iotest.ErrReader(fault))
			if v, err := StoreReader(ctx, NewMemStore(), []byte("k"), r); !errors.Is(err, fault) {
				t.Errorf("%v after %d bytes: %d bytes stored, %v", fault, size, v.Size, err)
			}
		}
	}
	if _, err := StoreReader(ctx, NewMemStore(), nil, bytes.NewReader(nil)); !errors.Is(err, ErrKeyEmpty) {
		t.Error(err)
	}
}
