package engine

import (
	"bytes"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// proven verifies a proof of keys and returns their values; "" for one that is
// not there.
func proven(t *testing.T, p prolly.Proof) map[string]string {
	t.Helper()
	f := must(prolly.Verify(must(p.Root())(t), p))(t)
	values := map[string]string{}
	for k := range f.Keys() {
		values[string(k.Key)] = string(k.Value.Bytes)
	}
	return values
}

func TestProve(t *testing.T) {
	over(t, func(t *testing.T, open opener) {
		e := startTest(t, open, nil)
		b := must(e.Branch(ctx, "main"))(t)
		ask := codec.Question{Ask: codec.AskKeys, Keys: [][]byte{[]byte("a"), []byte("b")}}
		if got := proven(t, must(e.Prove(ctx, "main", ask))(t)); got["a"] != "" {
			t.Errorf("an empty branch has %q", got)
		}
		do(t, b.Put(ctx, []byte("a"), []byte("1")))
		first := must(b.Commit(ctx, CommitOptions{}))(t)
		do(t, b.Put(ctx, []byte("a"), []byte("2")))
		do(t, b.Put(ctx, []byte("b"), []byte("3")))

		p := must(b.Prove(ctx, ask))(t) // what is staged included
		if got := proven(t, p); got["a"] != "2" || got["b"] != "3" {
			t.Errorf("the branch now: %q", got)
		}
		if root, now := must(p.Root())(t), must(b.Fold(ctx))(t); root != now {
			t.Errorf("the proof speaks of %v, the branch is at %v", root, now)
		}
		for _, ref := range []string{"main", first.CID.String(), first.Root.String()} {
			p := must(e.Prove(ctx, ref, ask))(t)
			if got := proven(t, p); got["a"] != "1" || got["b"] != "" {
				t.Errorf("%s: %q", ref, got)
			}
			if must(p.Root())(t) != first.Root {
				t.Errorf("%s: another root", ref)
			}
			same := must(must(e.Tree(ctx, first.Root))(t).Tree().Prove(ctx, []byte("b"), []byte("a")))(t)
			if !bytes.Equal(same, p) {
				t.Errorf("%s: another proof than the tree's", ref)
			}
		}
		_, err := e.Prove(ctx, "nothing", ask)
		want(t, err, ErrUnknownRef)
		_, err = b.Prove(ctx, codec.Question{Ask: codec.AskKeys, Keys: [][]byte{nil}})
		want(t, err, codec.ErrKey)
		do(t, e.Close())
		_, err = b.Prove(ctx, ask)
		want(t, err, ErrClosed)
		_, err = e.Prove(ctx, "main", ask)
		want(t, err, ErrClosed)
	})
}

// Values out of line travel with a proof when that is asked for.
func TestProveBlobs(t *testing.T) {
	e := startTest(t, memory(), nil)
	b := must(e.Branch(ctx, "main"))(t)
	value := bytes.Repeat([]byte("large "), 500_000)
	do(t, b.Put(ctx, []byte("a"), value))
	p := must(b.Prove(ctx, codec.Question{Ask: codec.AskAt, Blobs: true}))(t)
	f := must(prolly.Verify(must(b.Fold(ctx))(t), p))(t)
	if got := must(f.Tree().Get(ctx, []byte("a")))(t); !bytes.Equal(got, value) {
		t.Errorf("%d bytes, want %d", len(got), len(value))
	}
}
