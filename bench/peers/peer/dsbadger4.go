package peer

import (
	"context"

	badgerds "github.com/ipfs/go-ds-badger4"
)

// dsBadger4 is the go-datastore on Badger 4, as it comes but for the cache.
var dsBadger4 = Peer{
	Name:   "go-ds-badger4",
	About:  "through go-datastore, as it comes but for the cache of blocks, which is the whole cache: indexes and filters stay in memory beside it; no roots",
	Module: "github.com/ipfs/go-ds-badger4",
	Open: func(_ context.Context, dir string, o Options) (Store, error) {
		options := badgerds.DefaultOptions
		options.GcInterval = 0
		options.Options = options.Options.WithBlockCacheSize(o.CacheBytes)
		d, err := badgerds.NewDatastore(dir, &options)
		if err != nil {
			return nil, err
		}
		return &datastoreStore{d}, nil
	},
}
