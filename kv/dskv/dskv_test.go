package dskv_test

import (
	"context"
	"testing"

	ds "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	leveldb "github.com/ipfs/go-ds-leveldb"
	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/dskv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
)

var bg = context.Background()

func TestMain(m *testing.M) {
	// goleveldb's pool ends by itself, a while after Close.
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/syndtr/goleveldb/leveldb.(*DB).mpoolDrain"))
}

func TestStore(t *testing.T) {
	stores := map[string]func(t *testing.T) ds.Datastore{
		"map":     func(*testing.T) ds.Datastore { return dssync.MutexWrap(ds.NewMapDatastore()) },
		"plain":   func(*testing.T) ds.Datastore { return &plain{dssync.MutexWrap(ds.NewMapDatastore())} },
		"leveldb": openLevelDB,
	}
	for name, newDatastore := range stores {
		t.Run(name, func(t *testing.T) {
			kvtest.Suite{NoHints: true, Lacks: []string{"Behind", "Spare", "Collector"}}.Test(t, func(t *testing.T) kvtest.Opener {
				d := newDatastore(t)
				return func() (kv.Store, error) { return opened(dskv.New(bg, d)) }
			})
		})
	}
}

func TestModel(t *testing.T) {
	kvtest.Suite{NoHints: true}.TestModel(t, func() kvtest.Opener {
		d := dssync.MutexWrap(ds.NewMapDatastore())
		return func() (kv.Store, error) { return opened(dskv.New(bg, d)) }
	})
}

// plain has none of a datastore's abilities.
type plain struct{ ds.Datastore }

func openLevelDB(t *testing.T) ds.Datastore {
	d, err := leveldb.NewDatastore(t.TempDir(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := d.Close(); err != nil {
			t.Error(err)
		}
	})
	return d
}

// opened keeps a nil *Store from becoming a kv.Store that is not nil.
func opened(s *dskv.Store, err error) (kv.Store, error) {
	if err != nil {
		return nil, err
	}
	return s, nil
}
