package engine

import (
	"context"
	"fmt"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

func TestSmoke(t *testing.T) {
	ctx := context.Background()
	e, err := New(memkv.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	b, err := e.Branch(ctx, "main")
	if err != nil {
		t.Fatal(err)
	}
	for i := range 1000 {
		if err := b.Put(ctx, fmt.Appendf(nil, "k%03d", i), fmt.Appendf(nil, "v%d", i)); err != nil {
			t.Fatal(err)
		}
	}
	root, err := b.Fold(ctx)
	t.Log(root, err)
	v, err := b.Get(ctx, []byte("k500"))
	t.Logf("%s %v", v, err)
	n := 0
	for _, err := range b.Range(ctx, prolly.Range{}) {
		if err != nil {
			t.Fatal(err)
		}
		n++
	}
	c, err := b.Commit(ctx, CommitOptions{Message: "x"})
	t.Log(n, c, err)
	if err := e.Close(); err != nil {
		t.Fatal(err)
	}
}
