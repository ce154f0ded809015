package peer

import (
	"context"

	"github.com/cockroachdb/pebble/v2"
	pebbleds "github.com/ipfs/go-ds-pebble"
)

// dsPebble is the go-datastore that Kubo and others put on Pebble. It gets the
// same Pebble options as rawPebble.
var dsPebble = Peer{
	Name:   "go-ds-pebble",
	About:  "through go-datastore, with the Pebble options of raw Pebble; no roots",
	Module: "github.com/ipfs/go-ds-pebble",
	Open: func(_ context.Context, dir string, o Options) (Store, error) {
		cache := pebble.NewCache(o.CacheBytes)
		defer cache.Unref()
		d, err := pebbleds.NewDatastore(dir, pebbleds.WithPebbleOpts(PebbleOptions(cache)))
		if err != nil {
			return nil, err
		}
		return &dsPebbleStore{datastoreStore{d}, d}, nil
	},
}

type dsPebbleStore struct {
	datastoreStore
	pebble *pebbleds.Datastore
}

func (s *dsPebbleStore) Settle(context.Context) error { return s.pebble.DB.Flush() }
