package engine_test

import (
	"context"
	"fmt"
	"log"
	"os"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func Example() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)

	e, err := engine.Open(dir+"/store", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	b, err := e.Branch(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}

	// Durable when it returns; part of history with the next commit.
	if err := b.Put(ctx, []byte("user/1"), []byte("Ada")); err != nil {
		log.Fatal(err)
	}
	first, err := b.Commit(ctx, engine.CommitOptions{Message: "one user"})
	if err != nil {
		log.Fatal(err)
	}

	// Durable with the next Sync or Commit.
	if err := b.Put(ctx, []byte("user/1"), []byte("Grace"), engine.NoSync); err != nil {
		log.Fatal(err)
	}

	// Any commit stays readable.
	old, err := e.Tree(ctx, first.CID)
	if err != nil {
		log.Fatal(err)
	}
	defer old.Close()
	before, err := old.Tree().Get(ctx, []byte("user/1"))
	if err != nil {
		log.Fatal(err)
	}
	now, err := b.Get(ctx, []byte("user/1"))
	if err != nil {
		log.Fatal(err)
	}
	fmt.Printf("%s, then %s\n", before, now)
	// Output: Ada, then Grace
}

func ExampleBranch_Snapshot() {
	ctx := context.Background()
	dir, err := os.MkdirTemp("", "example")
	if err != nil {
		log.Fatal(err)
	}
	defer os.RemoveAll(dir)
	e, err := engine.Open(dir+"/store", nil)
	if err != nil {
		log.Fatal(err)
	}
	defer e.Close()
	b, err := e.Branch(ctx, "main")
	if err != nil {
		log.Fatal(err)
	}

	put := func(key, value string) {
		if err := b.Put(ctx, []byte(key), []byte(value), engine.NoSync); err != nil {
			log.Fatal(err)
		}
	}
	snapshot := func() *engine.Snapshot {
		s, err := b.Snapshot(ctx)
		if err != nil {
			log.Fatal(err)
		}
		return s
	}
	put("a", "1")
	put("b", "2")
	before := snapshot()
	defer before.Close()
	put("b", "3")
	put("c", "4")
	after := snapshot()
	defer after.Close()

	for c, err := range prolly.Diff(ctx, before.Tree(), after.Tree(), prolly.Range{}) {
		if err != nil {
			log.Fatal(err)
		}
		fmt.Printf("%s: was there %v, is there %v\n", c.Key, c.From != nil, c.To != nil)
	}
	// Output:
	// b: was there true, is there true
	// c: was there false, is there true
}
