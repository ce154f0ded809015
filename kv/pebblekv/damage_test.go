package pebblekv

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// tampered writes a store, changes something in Pebble behind its back, and
// returns where it lies.
func tampered(t *testing.T, change func(db *pebble.DB, at id) error) (*vfs.MemFS, *Options) {
	t.Helper()
	fs := vfs.NewMem()
	o := &Options{FS: fs}
	s, err := Open("/store", o)
	if err != nil {
		t.Fatal(err)
	}
	b := s.NewBatch()
	block := []byte("a node")
	at, err := b.PutNode(codec.Sum(block), block, nil)
	err = errors.Join(err, b.SwapRef("main", nil, []byte("value")), b.AppendLog("main", 1, nil),
		b.AppendLog("main", 2, nil), b.PutBlob(codec.RawCID(block), block), b.Commit(context.Background()))
	for seq := uint64(3); seq <= 6; seq++ { // batches that carry no state (P2)
		b := s.NewBatch()
		err = errors.Join(err, b.AppendLog("main", seq, []byte("record")), b.Commit(context.Background()))
	}
	if err := errors.Join(err, s.whole(context.Background()), change(s.db, idOf(at)), s.Close()); err != nil {
		t.Fatal(err)
	}
	return fs, o
}

// TestTamperedAtOpen: refs and logs that are not what the state says are found
// at once (P4).
func TestTamperedAtOpen(t *testing.T) {
	for name, change := range map[string]func(*pebble.DB, id) error{
		"a ref is lost":       func(db *pebble.DB, _ id) error { return db.Delete(refKey("main"), nil) },
		"a ref is changed":    func(db *pebble.DB, _ id) error { return db.Set(refKey("main"), []byte("valuf"), nil) },
		"a ref came back":     func(db *pebble.DB, _ id) error { return db.Set(refKey("gone"), []byte("x"), nil) },
		"a record is lost":    func(db *pebble.DB, _ id) error { return db.Delete(logKey("main", 1), nil) },
		"the last is lost":    func(db *pebble.DB, _ id) error { return db.Delete(logKey("main", 2), nil) },
		"a record came back":  func(db *pebble.DB, _ id) error { return db.Set(logKey("main", 9), make([]byte, 8), nil) },
		"a record is short":   func(db *pebble.DB, _ id) error { return db.Set(logKey("main", 2), nil, nil) },
		"a later one is lost": func(db *pebble.DB, _ id) error { return db.Delete(logKey("main", 4), nil) },
		"the end is lost":     func(db *pebble.DB, _ id) error { return db.Delete(logKey("main", 6), nil) },
		"a log key is no key": func(db *pebble.DB, _ id) error { return db.Set([]byte("l?"), nil, nil) },
		"the state is lost":   func(db *pebble.DB, _ id) error { return db.Delete(stateKey, nil) },
		"the state is short":  func(db *pebble.DB, _ id) error { return db.Set(stateKey, []byte{0, 0, 0, 1, 9}, nil) },
	} {
		t.Run(name, func(t *testing.T) {
			_, o := tampered(t, change)
			if _, err := Open("/store", o); !errors.Is(err, kv.ErrCorrupt) && !errors.Is(err, kv.ErrRollback) {
				t.Errorf("got %v, want ErrCorrupt or ErrRollback", err)
			}
		})
	}
	t.Run("a later format", func(t *testing.T) {
		_, o := tampered(t, func(db *pebble.DB, _ id) error { return db.Set(stateKey, []byte{0, 0, 0, 9}, nil) })
		_, err := Open("/store", o)
		if !errors.Is(err, kv.ErrFormat) || !strings.Contains(err.Error(), "format 9") {
			t.Errorf("got %v, want ErrFormat that names 9", err)
		}
	})
}

// TestTamperedCheck: nodes, index and blobs that contradict each other are
// found by the check, each once (P5).
func TestTamperedCheck(t *testing.T) {
	block := []byte("a node")
	other := codec.Sum([]byte("another"))
	index := func(h codec.Hash) []byte {
		key := make([]byte, hashKeyLen)
		putHashKey(key, &h)
		return key
	}
	node := func(at id) []byte {
		key := make([]byte, nodeKeyLen)
		putNodeKey(key, at)
		return key
	}
	for name, change := range map[string]func(*pebble.DB, id) error{
		"a node is lost": func(db *pebble.DB, at id) error { return db.Delete(node(at), nil) },
		"node and index entry are lost": func(db *pebble.DB, at id) error {
			return errors.Join(db.Delete(node(at), nil), db.Delete(index(codec.Sum(block)), nil))
		},
		"an index entry is lost":      func(db *pebble.DB, _ id) error { return db.Delete(index(codec.Sum(block)), nil) },
		"an index entry leads astray": func(db *pebble.DB, at id) error { return db.Set(index(other), at[:], nil) },
		"an index entry is short":     func(db *pebble.DB, _ id) error { return db.Set(index(other), []byte("x"), nil) },
		"a node is changed":           func(db *pebble.DB, at id) error { return db.Set(node(at), []byte("\x00\x00a nodf"), nil) },
		"a node is no node":           func(db *pebble.DB, at id) error { return db.Set(node(at), []byte("\x09"), nil) },
		"a node key is no key":        func(db *pebble.DB, _ id) error { return db.Set([]byte("n?"), []byte("x"), nil) },
		"an id is of the future": func(db *pebble.DB, _ id) error {
			return db.Set(node(makeID(99, 1)), []byte("\x00\x00a node"), nil)
		},
		"a blob is changed": func(db *pebble.DB, _ id) error {
			return db.Set(blobKey(codec.RawCID(block).Hash()), []byte("a nodf"), nil)
		},
		"a blob key is no key": func(db *pebble.DB, _ id) error { return db.Set([]byte("b"), []byte("x"), nil) },
	} {
		t.Run(name, func(t *testing.T) {
			_, o := tampered(t, change)
			s, err := Open("/store", o)
			if err != nil {
				t.Fatal(err)
			}
			var found []error
			err = s.CheckStore(context.Background(), func(err error) { found = append(found, err) })
			if err != nil || len(found) == 0 {
				t.Errorf("the check found nothing, and ended with %v", err)
			}
			for _, err := range found {
				if !errors.Is(err, kv.ErrCorrupt) {
					t.Errorf("reported as %v, want ErrCorrupt", err)
				}
			}
			if _, err := s.ReadNode(context.Background(), other, kv.Hint{}); err == nil && name != "an index entry leads astray" {
				t.Error("a node was read that was never written")
			}
			if err := s.Close(); err != nil {
				t.Errorf("Close after damage: %v", err)
			}
		})
	}
}

// TestTamperedRead: an index entry without its node is damage, not absence.
func TestTamperedRead(t *testing.T) {
	_, o := tampered(t, func(db *pebble.DB, at id) error {
		key := make([]byte, nodeKeyLen)
		putNodeKey(key, at)
		return db.Delete(key, nil)
	})
	s, err := Open("/store", o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := s.ReadNode(context.Background(), codec.Sum([]byte("a node")), kv.Hint{}); !errors.Is(err, kv.ErrCorrupt) {
		t.Errorf("got %v, want ErrCorrupt", err)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
}
