package auth

import (
	"context"
	"errors"
	"flag"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
)

var (
	mutatedChains = flag.Int("auth.chains", 300, "mutated chains for the cache against no cache")
	chainSeed     = flag.Uint64("auth.seed", 1, "seed of the chains")
)

func linkTo(c cid.Cid) cidlink.Link { return cidlink.Link{Cid: c} }

// verdict of a validator: empty for a grant.
func verdict(t *testing.T, v *Validator, d made) string {
	t.Helper()
	ch, err := v.Load(context.Background(), d.root(), Blocks(d.blocks))
	if errors.Is(err, ErrMalformed) || errors.Is(err, ErrBudget) {
		return "malformed"
	}
	if err != nil {
		t.Fatal(err)
	}
	_, err = v.Access(context.Background(), ch)
	var no *Denied
	switch {
	case err == nil:
		return ""
	case errors.As(err, &no):
		return no.Code + " " + no.Reason + " " + no.Text
	}
	t.Fatal(err)
	return ""
}

// TestCacheDifferential is requirement 20 (A6): a validator that remembers and
// one that does not, over requests and their mutations, before and after
// revocations and with time going on.
//
//	go test ./engine/auth -run CacheDifferential -auth.chains 5000
func TestCacheDifferential(t *testing.T) {
	r := seeded(t, *chainSeed)
	m := newMaker(t)
	warm := newWorld(t, func(c *Config) { c.Lists = Blocks(m.kept) })
	cold := newWorld(t, func(c *Config) {
		c.Lists = Blocks(m.kept)
		c.Cache, c.Revocations = -1, warm.revoked
		c.Now = func() time.Time { return warm.now }
	})
	granted, remembered, asked := 0, 0, 0
	ask := func(p plan, d made, what string) {
		t.Helper()
		asked++
		want := verdict(t, cold.Validator, d)
		if got := verdict(t, warm.Validator, d); got != want {
			t.Fatalf("%s: the cache says %q, no cache %q, of %+v", what, got, want, p)
		}
		if want == "" {
			granted++
			if ch, err := warm.Load(t.Context(), d.root(), Blocks(d.blocks)); err == nil {
				if g, err := warm.Access(t.Context(), ch); err == nil && g.Cached {
					remembered++
				}
			}
		}
	}
	want := *mutatedChains
	if testing.Short() {
		want = min(want, 60)
	}
	for chains := 0; chains < want; {
		warm.now = noon
		base := randomPlan(r, true)
		d := m.make(base)
		ask(base, d, "as planned")
		for range 4 {
			p := base
			for range 1 + r.IntN(2) {
				p = p.mutate(r)
			}
			x := m.make(p)
			ask(p, x, "mutated")
			chains++
			gone := x.ids[r.IntN(len(x.ids))]
			warm.revoked[gone] = true
			ask(p, x, "after revocation")
			ask(base, d, "as planned, after a revocation")
			delete(warm.revoked, gone)
			warm.now = noon.Add(time.Duration(r.IntN(1200)) * time.Second)
			ask(p, x, "later")
			ask(base, d, "as planned, later")
			warm.now = noon
			ask(p, x, "again")
		}
	}
	t.Logf("%d mutated chains, asked %d times: %d granted, %d of them from the cache", want, asked, granted, remembered)
	if granted < asked/10 || remembered < granted/3 || granted > asked*9/10 {
		t.Error("too much of one kind to show anything")
	}
}
