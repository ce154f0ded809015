package prollyds_test

import (
	"context"
	"fmt"
	"log"
	"os"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/prollyds"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
)

// A go-datastore in a directory.
func Example() {
	dir, err := os.MkdirTemp("", "prollyds")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	ctx := context.Background()

	ds, err := prollyds.NewDatastore(dir)
	if err != nil {
		log.Fatal(err)
	}
	defer ds.Close()
	for _, name := range []string{"earth", "venus", "mars"} {
		if err := ds.Put(ctx, datastore.NewKey("planets").ChildString(name), []byte("rocky")); err != nil {
			log.Fatal(err)
		}
	}
	for e, err := range datastore.QueryIter(ctx, ds, query.Query{Prefix: "/planets"}) {
		fmt.Println(e.Key, string(e.Value), err)
	}
	// Output:
	// /planets/earth rocky <nil>
	// /planets/mars rocky <nil>
	// /planets/venus rocky <nil>
}

// With history each Sync is a commit, and two of them can be compared.
func ExampleWithHistory() {
	ctx := context.Background()
	e, err := engine.New(memkv.New(), nil)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	b, err := e.Branch(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}
	ds := prollyds.Wrap(b, prollyds.WithHistory())
	for _, word := range []string{"one", "two"} {
		if err := ds.Put(ctx, datastore.NewKey(word), nil); err != nil {
			log.Fatal(err)
		}
		if err := ds.Sync(ctx, datastore.NewKey("/")); err != nil {
			log.Fatal(err)
		}
	}
	for c, err := range b.Log(ctx, engine.LogOptions{}) {
		fmt.Println(c.Seq, err)
	}
	// Output:
	// 2 <nil>
	// 1 <nil>
}
