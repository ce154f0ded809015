package sync

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"testing"

	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// against are keys that rise while their hashes fall: a level of them has no cut
// (codec/FORMAT.md, section 3).
func against(n int) (keys [][]byte) {
	h := sha256.Sum256([]byte("prolly/lmc2/0"))
	seed := binary.LittleEndian.Uint64(h[:8])
	band := math.MaxUint64 / uint64(n)
	for i := range n {
		hi := band * uint64(n-i)
		for nonce := 0; len(keys) == i; nonce++ {
			k := fmt.Appendf(nil, "%04d-%x", i, nonce)
			if p := xxh3.HashSeed(k, seed); p <= hi && p > hi-band {
				keys = append(keys, k)
			}
		}
	}
	return keys
}

// TestKeysAgainstHash: entries that make a level without cuts are over the budget,
// however they come, and change nothing; who wants them says so.
func TestKeysAgainstHash(t *testing.T) {
	hub := replica(t, "memory")
	s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
	c := client(t, s)
	author := replica(t, "memory")
	b := must(author.Branch(ctx, "main"))(t)
	must(b.Load(ctx, figureEntries(2000, 0)))(t)
	must(b.Commit(ctx, engine.CommitOptions{}))(t)
	must(c.Push(ctx, b, PushOptions{}))(t)
	victim := replica(t, "memory")
	must(c.Clone(ctx, victim, CloneOptions{Branch: "main"}))(t)
	kept := must(victim.Lookup(ctx, "main"))(t)

	var edits []prolly.Edit
	for _, k := range against(500) {
		edits = append(edits, prolly.Edit{Key: k, Value: prolly.Value{Bytes: make([]byte, 1000)}})
	}
	do(t, b.Apply(ctx, edits))
	evil := must(b.Commit(ctx, engine.CommitOptions{}))(t)
	over := func(err error) {
		t.Helper()
		want(t, err, ErrBudget)
		if !errors.Is(err, prolly.ErrGap) {
			t.Log(err) // the other side says so in words
		}
	}
	_, err := c.Push(ctx, b, PushOptions{})
	over(err)
	if must(must(hub.Lookup(ctx, "main"))(t).Head(ctx))(t).CID == evil.CID {
		t.Error("pushed")
	}

	bad := client(t, serve(t, NewHandler(author, HandlerOptions{Authorize: writable})))
	before := must(kept.Head(ctx))(t)
	_, err = bad.Pull(ctx, kept, PullOptions{})
	over(err)
	if now := must(kept.Head(ctx))(t); now.CID != before.CID {
		t.Error("pulled")
	}
	fresh := replica(t, "memory")
	_, err = bad.Clone(ctx, fresh, CloneOptions{Branch: "main"})
	over(err)
	if list := must(fresh.BranchNames(ctx))(t); len(list) > 0 {
		t.Errorf("cloned: %q", list)
	}
	apart := must(fresh.Branch(ctx, "main"))(t) // much the same, and nothing known in common
	must(apart.Load(ctx, figureEntries(1990, 0)))(t)
	must(apart.Commit(ctx, engine.CommitOptions{}))(t)
	_, err = bad.Pull(ctx, apart, PullOptions{Resolve: prolly.Theirs})
	over(err)
	for _, e := range []*engine.Engine{hub, victim, fresh} {
		do(t, e.Check(ctx, func(p engine.Problem) { t.Error(p) }))
	}

	bad.Budget.Gap = math.MaxInt64
	must(bad.Pull(ctx, kept, PullOptions{}))(t)
	if now := must(kept.Head(ctx))(t); now.CID != evil.CID {
		t.Error("not pulled although it was wanted")
	}
}
