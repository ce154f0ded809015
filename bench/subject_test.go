package bench

import (
	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// subject is what is measured: one way to use the project.
type subject struct {
	name  string
	open  func() (store, error) // an empty one
	paths bool                  // keys must be paths
}

var subjects = []subject{
	{"Prolly", openMemory, false},
	{"Engine", openEngine, false},
	{"Datastore", openDatastore, true},
}

// store is an open one. What a subject can do beyond it are methods found by
// assertion.
type store interface {
	load(sorted []dataset.Entry) error   // into an empty store
	batch(entries []dataset.Entry) error // and a root
	get(key []byte) ([]byte, error)
	scan(f func(key, value []byte)) error
	near(key, prefix []byte) (int, error) // how many keys begin like key, with prefix
	fork() (store, error)                 // with the same content; writes to it are not seen here
	nodeBytes() uint64                    // written so far
	close() error
}

// putter stages.
type putter interface {
	put(key, value []byte) error
}

// treed has trees: as it is now, valid until the store is closed.
type treed interface {
	tree() (prolly.Tree, error)
}

// sized has files. It closes and opens the store, so that only tables are
// left.
type sized interface {
	diskBytes() (uint64, error)
}

func edits(dst []prolly.Edit, entries []dataset.Entry) []prolly.Edit {
	dst = dst[:0]
	for _, e := range entries {
		dst = append(dst, prolly.Edit{Key: e.Key, Value: prolly.Value{Bytes: e.Value}})
	}
	return dst
}

// pairs are entries as Build and Load take them.
func pairs(entries []dataset.Entry) func(func(prolly.Entry, error) bool) {
	return func(yield func(prolly.Entry, error) bool) {
		for _, e := range entries {
			if !yield(prolly.Entry{Key: e.Key, Value: prolly.Value{Bytes: e.Value}}, nil) {
				return
			}
		}
	}
}
