package pebblekv_test

import (
	"os"
	"testing"

	"go.uber.org/goleak"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
)

func TestMain(m *testing.M) {
	if kvtest.InChild() {
		os.Exit(m.Run())
	}
	goleak.VerifyTestMain(m)
}

func TestStore(t *testing.T) {
	t.Run("memory", func(t *testing.T) {
		kvtest.TestStore(t, func(*testing.T) kvtest.Opener {
			return opener("/some/store", pebblekv.Options{FS: vfs.NewMem(), MemTableBytes: 1 << 20})
		})
	})
	t.Run("disk", func(t *testing.T) {
		kvtest.TestStore(t, func(t *testing.T) kvtest.Opener { return opener(t.TempDir(), pebblekv.Options{}) })
	})
}

func TestModel(t *testing.T) {
	kvtest.Suite{}.TestModel(t, func() kvtest.Opener {
		return opener("/some/store", pebblekv.Options{FS: vfs.NewMem(), MemTableBytes: 1 << 20, CacheBytes: 1 << 20})
	})
}

// opener opens a store with the same options each time.
func opener(dir string, o pebblekv.Options) kvtest.Opener {
	return func() (kv.Store, error) { return opened(pebblekv.Open(dir, &o)) }
}

// opened keeps a nil *Store from becoming a kv.Store that is not nil.
func opened(s *pebblekv.Store, err error) (kv.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
