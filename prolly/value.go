package prolly

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// checkKey applies the limits of a key.
func checkKey(key []byte) error {
	if len(key) == 0 {
		return ErrKeyEmpty
	}
	if len(key) > codec.MaxKey {
		return fmt.Errorf("%w: %d bytes, at most %d", ErrKeyTooLong, len(key), codec.MaxKey)
	}
	return nil
}

// CheckEdit tells whether a tree would take the key and, unless it is deleted, the
// value: the errors are those of Apply.
func CheckEdit(e Edit) error {
	if err := checkKey(e.Key); err != nil || e.Delete {
		return err
	}
	return checkValue(e.Value)
}

func checkValue(v Value) error {
	switch {
	case v.Link.Defined() && (v.Bytes != nil || v.blob != nil):
		return fmt.Errorf("%w: it is a link and has bytes too", ErrBadValue)
	case v.Link.Defined() && v.Link.ByteLen() > codec.MaxLink:
		return fmt.Errorf("%w: %d bytes, at most %d", ErrLinkTooLong, v.Link.ByteLen(), codec.MaxLink)
	case v.blob != nil && v.Size > codec.MaxSum:
		return ErrTooLarge
	case v.blob == nil && v.Bytes == nil && !v.Link.Defined() && v.Size != 0:
		return fmt.Errorf("%w: a size and no block that holds it", ErrBadValue)
	}
	return nil
}

// storedEntry turns a key and a value into what a leaf holds, writing out of
// line what must stand there. Bytes are shared with the caller's.
func storedEntry(ctx context.Context, ns NodeStore, key []byte, v Value) (codec.LeafEntry, error) {
	e := codec.LeafEntry{Key: key}
	err := checkKey(key)
	if err == nil {
		err = checkValue(v)
	}
	if err != nil {
		return e, err
	}
	if v, err = storeValue(ctx, ns, len(key), v); err != nil {
		return e, err
	}
	switch e.Kind = v.Kind(); e.Kind {
	case codec.Inline:
		e.Value = v.Bytes
	case codec.Blob:
		e.Size, e.Link = v.Size, v.blob
	case codec.Link:
		e.Link = v.Link.Bytes()
	}
	return e, nil
}

// StoreValue writes a value of bytes the way key's leaf will hold it: inline, in
// which case the result shares them, or out of line, in blocks that are in ns
// when it returns. The result may be given to Apply.
func StoreValue(ctx context.Context, ns NodeStore, key, value []byte) (Value, error) {
	if err := checkKey(key); err != nil {
		return Value{}, err
	}
	return storeValue(ctx, ns, len(key), Value{Bytes: value})
}

// storeValue brings v into the form that a key of keyLen bytes demands.
func storeValue(ctx context.Context, ns NodeStore, keyLen int, v Value) (Value, error) {
	switch {
	case v.Link.Defined():
		return v, nil
	case v.blob != nil:
		if v.Size > codec.MaxItem || !codec.FitsInline(keyLen, int(v.Size)) {
			return v, nil
		}
		// Moved under a shorter key, the value has to stand in the leaf.
		b, err := ReadBlob(ctx, ns, v.blob, v.Size)
		return Value{Bytes: b, Size: v.Size}, err
	case codec.FitsInline(keyLen, len(v.Bytes)):
		if v.Bytes == nil {
			v.Bytes = []byte{}
		}
		v.Size = uint64(len(v.Bytes))
		return v, nil
	}
	c, err := writeBlob(ctx, ns, v.Bytes)
	return Value{Size: uint64(len(v.Bytes)), blob: c.Bytes()}, err
}
