package engine

import (
	"errors"
	"fmt"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// commitBlock makes the block of a commit.
func commitBlock(t tester, c codec.Commit) (cid.Cid, []byte) {
	t.Helper()
	b, err := c.Encode()
	do(t, err)
	return codec.Sum(b).CID(), b
}

// TestAdopt: another content and head at once, with what is staged meanwhile
// above it; and nothing at all when it fails.
func TestAdopt(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		do(t, b.Put(ctx, []byte("mine"), []byte("1")))
		c := must(b.Commit(ctx, CommitOptions{}))(t)
		failed := errors.New("no")
		want(t, b.Adopt(ctx, func(a *Adoption) error {
			a.SetTree(prolly.Empty(a.Nodes()))
			return failed
		}), failed)
		if head := must(b.Head(ctx))(t); head.CID != c.CID {
			t.Fatalf("a failed adoption moved the head to %v", head.CID)
		}
		var name cid.Cid
		do(t, b.Adopt(ctx, func(a *Adoption) error {
			if a.Head() != c.CID || a.Tree().Root() != c.Root {
				return fmt.Errorf("it is at %v, %v", a.Head(), a.Tree().Root())
			}
			tree, err := a.Tree().Apply(ctx, []prolly.Edit{{Key: []byte("theirs"), Value: prolly.Value{Bytes: []byte("2")}}})
			if err != nil {
				return err
			}
			var block []byte
			name, block = commitBlock(t, codec.Commit{Seq: 2, Root: tree.Root(), Parents: []cid.Cid{c.CID}})
			do(t, b.Put(ctx, []byte("meanwhile"), []byte("3")))
			a.SetTree(tree)
			return errors.Join(a.PutBlock(ctx, name, block), a.SetHead(name))
		}))
		if head := must(b.Head(ctx))(t); head.CID != name {
			t.Fatalf("the head is %v, not %v", head.CID, name)
		}
		for key, value := range map[string]string{"mine": "1", "theirs": "2", "meanwhile": "3"} {
			if got := must(b.Get(ctx, []byte(key)))(t); string(got) != value {
				t.Fatalf("%s is %q", key, got)
			}
		}
		if list := problems(t, e); len(list) > 0 {
			t.Fatal(list)
		}
	})
}

// TestAdoptWrongTree: a head does not get a tree that is not its own.
func TestAdoptWrongTree(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	name, block := commitBlock(t, codec.Commit{Seq: 1, Root: codec.Sum([]byte("another")).CID()})
	want(t, b.Adopt(ctx, func(a *Adoption) error { return a.SetHead(name) }), ErrMissing)
	want(t, b.Adopt(ctx, func(a *Adoption) error {
		return errors.Join(a.PutBlock(ctx, name, block), a.SetHead(name))
	}), ErrConflict)
	want(t, b.Adopt(ctx, func(a *Adoption) error { return a.PutBlock(ctx, name, []byte("x")) }), ErrCorrupt)
	if _, err := b.Head(ctx); !errors.Is(err, ErrNoCommit) {
		t.Fatalf("head: %v", err)
	}
}

// TestShallow: a history that was cut off ends there, and is no damage.
func TestShallow(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		gone := codec.Sum([]byte("a commit elsewhere")).CID()
		var name cid.Cid
		adopt := func() error {
			return b.Adopt(ctx, func(a *Adoption) error {
				tree, err := a.Tree().Apply(ctx, []prolly.Edit{{Key: []byte("k"), Value: prolly.Value{Bytes: []byte("v")}}})
				do(t, err)
				var block []byte
				name, block = commitBlock(t, codec.Commit{Seq: 8, Root: tree.Root(), Parents: []cid.Cid{gone}})
				a.SetTree(tree)
				return errors.Join(a.PutBlock(ctx, name, block), a.SetHead(name))
			})
		}
		do(t, adopt())
		_, err := e.GC(ctx, GCOptions{})
		want(t, err, ErrMissing)
		if len(problems(t, e)) == 0 {
			t.Fatal("check finds nothing missing")
		}
		do(t, e.MarkShallow(ctx, name))
		do(t, e.MarkShallow(ctx, name))
		if list := problems(t, e); len(list) > 0 {
			t.Fatal(list)
		}
		must(e.GC(ctx, GCOptions{}))(t)
		n := 0
		for c, err := range b.Log(ctx, LogOptions{}) {
			do(t, err)
			if n++; c.CID != name {
				t.Fatalf("log yields %v", c.CID)
			}
		}
		if n != 1 {
			t.Fatalf("the log has %d commits", n)
		}
		_, err = e.Resolve(ctx, "main~1")
		want(t, err, ErrUnknownRef)
	})
}
