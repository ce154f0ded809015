package prollyds

import (
	"strconv"
	"unsafe"

	datastore "github.com/ipfs/go-datastore"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// MaxKey is the longest key, in bytes, its leading slash included. Methods
// answer prolly.ErrKeyTooLong to longer ones, and prolly.ErrKeyEmpty to the zero
// datastore.Key.
const MaxKey = codec.MaxKey

func checkKey(k datastore.Key) error {
	switch n := len(k.String()); {
	case n == 0:
		return prolly.ErrKeyEmpty
	case n > MaxKey:
		return prolly.ErrKeyTooLong
	}
	return nil
}

// keyBytes returns the bytes of a key without copying them. Nobody may change
// them; the engine copies the keys that it keeps.
func keyBytes(k datastore.Key) []byte { return stringBytes(k.String()) }

func stringBytes(s string) []byte { return unsafe.Slice(unsafe.StringData(s), len(s)) }

// keyFailed wraps an error with the operation and the key that it is about.
// datastore.ErrNotFound stays bare.
func keyFailed(op string, k datastore.Key, err error) error {
	if err == nil || err == datastore.ErrNotFound {
		return err
	}
	s := k.String()
	if len(s) > MaxKey {
		s = s[:64] + "…"
	}
	return failed(op+" "+strconv.Quote(s), err)
}
