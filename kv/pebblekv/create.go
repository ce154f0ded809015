package pebblekv

import (
	"errors"

	"github.com/cockroachdb/pebble/v2"
)

// create makes an empty store: whole in a directory of its own, and then in
// place by one rename, because a crash within the first open of a Pebble database
// can leave one that never opens again. What an earlier attempt left is removed.
func create(d directory, o Options, cache *pebble.Cache, f *failure) error {
	tmp := d.creating()
	if err := d.fs.RemoveAll(tmp); err != nil {
		return err
	}
	if err := d.fs.MkdirAll(tmp, 0o755); err != nil {
		return err
	}
	db, err := openPebble(tmp, &o, cache, f)
	if err != nil {
		return err
	}
	if err := f.await(func() error { return errors.Join(writeFirst(db), db.Close()) }); err != nil {
		return err
	}
	if err := createHead(d.fs, tmp, slot{}); err != nil {
		return err
	}
	if err := syncDir(d.fs, tmp); err != nil {
		return err
	}
	if err := d.fs.Rename(tmp, d.data()); err != nil {
		return err
	}
	return syncDir(d.fs, d.path)
}

// writeFirst writes the state of a store before its first batch, and flushes:
// a flipped bit in the first log of a database can make it drop what follows.
func writeFirst(db *pebble.DB) error {
	var first [stateLen]byte
	state{}.put(first[:])
	if err := db.Set(stateKey, first[:], pebble.Sync); err != nil {
		return err
	}
	return db.Flush()
}
