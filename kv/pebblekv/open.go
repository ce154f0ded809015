package pebblekv

import (
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The names in a store's directory.
const (
	lockName     = "LOCK"
	creatingName = "creating"
	writingName  = "writing"
	dataName     = "data"
)

// Open opens the store in dir, and creates it when dir is missing or empty.
//
// It answers kv.ErrNoStore when there is none and none may be created,
// kv.ErrFormat for a directory that holds something else and for a store of
// another format, kv.ErrLocked while another handle is open, in whatever
// process, kv.ErrRollback and kv.ErrCorrupt for a store that lost or changed what
// it had acknowledged; such a store is left as it was found (P6).
func Open(dir string, o *Options) (*Store, error) {
	s, err := open(dir, o.orDefaults())
	if err != nil {
		return nil, fmt.Errorf("pebblekv: open %s: %w", dir, translate(err))
	}
	return s, nil
}

func open(dir string, o Options) (_ *Store, err error) {
	if o.FS == vfs.Default {
		if dir, err = realPath(dir); err != nil {
			return nil, err
		}
	}
	d := directory{fs: o.FS, path: dir}
	found, err := d.look()
	if err != nil {
		return nil, err
	}
	if !found && (o.MustExist || o.ReadOnly) {
		return nil, kv.ErrNoStore
	}
	if err := d.make(); err != nil {
		return nil, err
	}
	lock, err := d.lock()
	if err != nil {
		return nil, err
	}
	f := newFailure(o.Logger, o.OnEvent, d.path)
	s, err := openLocked(d, o, f)
	if o.Damaged && o.ReadOnly && !f.wedged() {
		s, f, err = openDamaged(d, o, f, s, err)
	}
	switch {
	case err == nil:
		s.lock = lock
		return s, nil
	case f.wedged(): // Pebble may still write
		return nil, err
	}
	return nil, errors.Join(err, lock.Close())
}

// openDamaged returns a store that was opened as it is, if all of it can be read,
// and otherwise what can be rescued of it.
func openDamaged(d directory, o Options, f *failure, s *Store, err error) (*Store, *failure, error) {
	if err == nil {
		if err = s.readable(); err == nil || f.wedged() {
			return s, f, err
		}
		s.lock = io.NopCloser(nil) // which goes to the other one
		if e := s.Close(); e != nil && !errors.Is(e, kv.ErrFailed) {
			return nil, f, errors.Join(err, e)
		}
	}
	f = newFailure(o.Logger, o.OnEvent, d.path)
	s, err = rescueStore(d, o, f, err)
	return s, f, err
}

// realPath is the one path of a directory, however it was spelled: locks are
// told apart by path.
func realPath(dir string) (string, error) {
	abs, err := filepath.Abs(dir)
	if err != nil {
		return "", err
	}
	if real, err := filepath.EvalSymlinks(abs); err == nil {
		return real, nil
	} else if !errors.Is(err, os.ErrNotExist) {
		return "", err
	}
	return abs, nil
}

// openLocked opens the store in a directory that is ours now.
func openLocked(d directory, o Options, f *failure) (_ *Store, err error) {
	cache := pebble.NewCache(o.CacheBytes + 2*o.MemTableBytes) // Pebble takes memtables out of it: one in use, one spare
	defer func() {
		if err != nil && !f.wedged() {
			cache.Unref()
		}
	}()
	// Another may have created it before we had the lock.
	if found, err := d.look(); err != nil {
		return nil, err
	} else if !found {
		if err := create(d, o, cache, f); err != nil {
			return nil, fmt.Errorf("create: %w", err)
		}
	}
	h, err := openHead(d.fs, d.data(), o.ReadOnly)
	if err != nil {
		return nil, err
	}
	s, err := openData(d, o, cache, f, h)
	if err != nil {
		return nil, errors.Join(err, h.close())
	}
	return s, nil
}

// openData opens Pebble for reading and compares what it holds with the head
// record; only then does it open it for writing, which at once writes logs to
// tables and deletes files (P6).
func openData(d directory, o Options, cache *pebble.Cache, f *failure, h *head) (*Store, error) {
	readOnly := o
	readOnly.ReadOnly = true
	db, err := openPebble(d.data(), &readOnly, cache, f)
	if err != nil {
		return nil, err
	}
	var stored, st state
	var logs map[string]*logState
	err = f.guard(func() (err error) {
		if stored, err = readState(db); err != nil {
			return err
		}
		if st, logs, err = loadState(db); err != nil {
			return err
		}
		return h.compare(st)
	})
	if err != nil || !o.ReadOnly {
		err = errors.Join(err, f.await(db.Close))
	}
	if err == nil && !o.ReadOnly {
		db, err = openAgain(d.data(), &o, cache, f, stored)
	}
	if err != nil {
		return nil, err
	}
	return newStore(d, o, db, cache, f, h, st, logs), nil
}

// openAgain opens Pebble, and makes sure that it is as it was.
func openAgain(dir string, o *Options, cache *pebble.Cache, f *failure, was state) (*pebble.DB, error) {
	db, err := openPebble(dir, o, cache, f)
	if err != nil {
		return nil, err
	}
	err = f.guard(func() error {
		is, err := readState(db)
		if err == nil && is != was {
			err = fmt.Errorf("%w: opened twice, found at batch %d and at %d", kv.ErrCorrupt, was.sequence, is.sequence)
		}
		return err
	})
	if err != nil {
		return nil, errors.Join(err, f.await(db.Close))
	}
	return db, nil
}

func openPebble(dir string, o *Options, cache *pebble.Cache, f *failure) (*pebble.DB, error) {
	var opened *pebble.DB
	err := f.await(func() (err error) {
		opened, err = pebble.Open(dir, o.pebbleOptions(cache, f))
		return err
	})
	if err == nil {
		return opened, nil
	}
	switch {
	case errors.Is(err, pebble.ErrDBDoesNotExist), // because HEAD is there
		errors.Is(err, os.ErrNotExist),             // because something leads to a file
		strings.Contains(err.Error(), "from file"): // options that are none of ours
		err = fmt.Errorf("%w: %w", kv.ErrCorrupt, err)
	}
	return nil, err
}

// directory is where a store lies, or will.
type directory struct {
	fs   vfs.FS
	path string
}

func (d directory) data() string     { return d.fs.PathJoin(d.path, dataName) }
func (d directory) creating() string { return d.fs.PathJoin(d.path, creatingName) }
func (d directory) writing() string  { return d.fs.PathJoin(d.path, writingName) }

// look tells whether the directory holds a store. kv.ErrFormat when it holds
// anything else.
func (d directory) look() (bool, error) {
	info, err := d.fs.Stat(d.path)
	if errors.Is(err, os.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	if !info.IsDir() {
		return false, fmt.Errorf("%w: not a directory", kv.ErrFormat)
	}
	names, err := d.fs.List(d.path)
	if err != nil {
		return false, err
	}
	foreign := ""
	for _, name := range names {
		switch name {
		case dataName:
			return d.looksLikeData()
		case lockName, creatingName, writingName:
		default:
			foreign = name
		}
	}
	if foreign != "" {
		return false, fmt.Errorf("%w: the directory holds %q and no store; an empty or a new one is needed",
			kv.ErrFormat, foreign)
	}
	return false, nil
}

// looksLikeData tells whether what is called data is a store's.
func (d directory) looksLikeData() (bool, error) {
	names, err := d.fs.List(d.data())
	if err != nil {
		return false, fmt.Errorf("%w: data is no directory of a store: %w", kv.ErrFormat, err)
	}
	for _, name := range names {
		if name == headName || len(name) > 9 && name[:9] == "MANIFEST-" {
			return true, nil
		}
	}
	return false, fmt.Errorf("%w: data is no directory of a store", kv.ErrFormat)
}

// make creates the directory, durably, and those above it.
func (d directory) make() error { return makeDir(d.fs, d.path) }

func makeDir(fs vfs.FS, path string) error {
	if _, err := fs.Stat(path); err == nil || !errors.Is(err, os.ErrNotExist) {
		return err
	}
	parent := fs.PathDir(path)
	if parent != path {
		if err := makeDir(fs, parent); err != nil {
			return err
		}
	}
	if err := fs.MkdirAll(path, 0o755); err != nil {
		return err
	}
	return syncDir(fs, parent)
}

func syncDir(fs vfs.FS, path string) error {
	f, err := fs.OpenDir(path)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

// lock takes the directory for this handle, HEAD and all.
func (d directory) lock() (io.Closer, error) {
	l, err := d.fs.Lock(d.fs.PathJoin(d.path, lockName))
	if err != nil {
		return nil, fmt.Errorf("%w: %s is held by another handle or process: %w", kv.ErrLocked, d.path, err)
	}
	return l, nil
}
