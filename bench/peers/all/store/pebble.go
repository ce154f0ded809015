package store

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"

	"github.com/go-ds-prolly/go-ds-prolly/bench/peers/peer"
)

// openPebble opens the same Pebble that raw Pebble is.
func openPebble(dir string, cacheBytes int64) (*pebble.DB, error) {
	cache := pebble.NewCache(cacheBytes)
	defer cache.Unref()
	return pebble.Open(dir, peer.PebbleOptions(cache))
}

// get returns a value that is the caller's; nil when there is none.
func get(r pebble.Reader, key []byte) ([]byte, error) {
	v, closer, err := r.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	own := make([]byte, 0, len(v)) // not nil, even when empty
	own = append(own, v...)
	return own, closer.Close()
}
