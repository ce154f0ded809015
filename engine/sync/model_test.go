package sync

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"testing"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// peer is a replica with a branch, and what only it writes.
type peer struct {
	t    testing.TB
	rng  *rand.Rand
	name string
	e    *engine.Engine
	b    *engine.Branch
	c    *Client
	own  map[string]string // keys under its own prefix, as describe tells them
}

// describe tells a value, with the bytes that it stands for.
func describe(t testing.TB, e *engine.Engine, v prolly.Value) string {
	switch v.Kind() {
	case codec.Link:
		b, err := e.ReadBlock(ctx, v.Link)
		if err != nil {
			return "link " + v.Link.String()
		}
		return fmt.Sprintf("link %v to %d bytes", v.Link, len(b))
	case codec.Blob:
		r := must(prolly.OpenBlob(ctx, e.Nodes(), v.Blob().Bytes(), v.Size))(t)
		var b bytes.Buffer
		must(b.ReadFrom(r))(t)
		do(t, r.Close())
		return fmt.Sprintf("%d bytes %v", b.Len(), codec.Sum(b.Bytes()))
	}
	return string(v.Bytes)
}

// value makes a value of any kind.
func (p *peer) value() prolly.Value {
	fill := func(n int) []byte {
		b := make([]byte, n)
		for i := range b {
			b[i] = byte(p.rng.Uint32())
		}
		return b
	}
	switch k := p.rng.IntN(100); {
	case k < 70:
		return prolly.Value{Bytes: fill(p.rng.IntN(120))}
	case k < 82:
		return prolly.Value{Bytes: fill(1200 + p.rng.IntN(4000))}
	case k < 83 && p.rng.IntN(3) == 0:
		return prolly.Value{Bytes: fill(1<<20 + p.rng.IntN(1<<20))}
	case k < 93:
		b := fill(1 + p.rng.IntN(3000))
		c := codec.RawCID(b)
		do(p.t, p.e.PutBlock(ctx, c, b))
		return prolly.Value{Link: c}
	}
	return prolly.Value{Link: codec.RawCID(fill(9))} // of a block that nobody has
}

// edit writes a few keys, of its own and shared ones, and commits most of the time.
func (p *peer) edit(commit bool) {
	var edits []prolly.Edit
	for range 1 + p.rng.IntN(30) {
		key := fmt.Sprintf("%s/%03d", p.name, p.rng.IntN(300))
		if p.rng.IntN(4) == 0 {
			key = fmt.Sprintf("shared/%02d", p.rng.IntN(40))
		}
		e := prolly.Edit{Key: []byte(key), Delete: p.rng.IntN(5) == 0}
		if !e.Delete {
			e.Value = p.value()
		}
		edits = append(edits, e)
	}
	do(p.t, p.b.Apply(ctx, edits))
	for _, e := range edits {
		if !bytes.HasPrefix(e.Key, []byte(p.name)) {
			continue
		}
		delete(p.own, string(e.Key))
		if got, err := p.b.Lookup(ctx, e.Key); err == nil {
			p.own[string(e.Key)] = describe(p.t, p.e, got.Value)
		}
	}
	if commit {
		must(p.b.Commit(ctx, engine.CommitOptions{Message: p.name}))(p.t)
	}
}

// larger resolves a conflict alike on every side.
func larger(_ context.Context, c prolly.Conflict) (prolly.Resolution, error) {
	weigh := func(v *prolly.Value) []byte {
		if v == nil {
			return nil
		}
		return appendValue([]byte{byte(v.Kind()) + 1}, v)
	}
	if bytes.Compare(weigh(c.Ours), weigh(c.Theirs)) > 0 {
		return prolly.Resolution{Value: c.Ours}, nil
	}
	return prolly.Resolution{Value: c.Theirs}, nil
}

// content tells a whole branch.
func content(t testing.TB, e *engine.Engine, b *engine.Branch) map[string]string {
	m := map[string]string{}
	for x, err := range b.Range(ctx, prolly.Range{}) {
		do(t, err)
		m[string(x.Key)] = describe(t, e, x.Value.Clone())
	}
	return m
}

// checkOwn makes sure that nothing a peer wrote under its prefix was lost,
// wherever it is looked for.
func (p *peer) checkOwn(where *engine.Engine, b *engine.Branch) {
	p.t.Helper()
	got := map[string]string{}
	for k, v := range content(p.t, where, b) {
		if bytes.HasPrefix([]byte(k), []byte(p.name)) {
			got[k] = v
		}
	}
	for k, v := range p.own {
		if got[k] != v {
			p.t.Fatalf("%s: %q is %.60q, not %.60q", p.name, k, got[k], v)
		}
	}
	if len(got) != len(p.own) {
		p.t.Fatalf("%s: %d keys instead of %d", p.name, len(got), len(p.own))
	}
}

// TestReplicas lets two replicas and a hub, on stores of every kind, go apart and
// together again at random: nothing is lost, all reach one root, and every block
// is where it is named (Y1, Y2).
func TestReplicas(t *testing.T) {
	kinds := []string{"memory", "pebble", "datastore"}
	rounds := 6
	if testing.Short() {
		rounds = 3
	}
	for _, commits := range []bool{true, false} {
		for i := range kinds {
			t.Run(fmt.Sprintf("commits=%v/%s", commits, kinds[i]), func(t *testing.T) {
				rng := random(t)
				hub := replica(t, kinds[i])
				s := serve(t, NewHandler(hub, HandlerOptions{Authorize: writable}))
				var peers []*peer
				for j, name := range []string{"a", "b"} {
					e := replica(t, kinds[(i+j+1)%3])
					p := &peer{t: t, rng: rng, name: name, e: e, c: client(t, s), own: map[string]string{}}
					p.b = must(e.Branch(ctx, "main"))(t)
					peers = append(peers, p)
				}
				for range rounds {
					for _, p := range peers {
						for range rng.IntN(4) {
							p.edit(commits)
						}
						p.sync(commits)
					}
				}
				for range 2 {
					for _, p := range peers {
						p.sync(commits)
					}
				}
				main := must(hub.Lookup(ctx, "main"))(t)
				for _, p := range peers {
					p.checkOwn(hub, main)
					p.checkOwn(p.e, p.b)
					if got, want := must(p.b.Root(ctx))(t), must(main.Root(ctx))(t); got != want {
						t.Fatalf("%s is at %v, the hub at %v", p.name, got, want)
					}
				}
				for _, e := range []*engine.Engine{hub, peers[0].e, peers[1].e} {
					must(e.GC(ctx, engine.GCOptions{}))(t)
					do(t, e.Check(ctx, func(p engine.Problem) {
						if p.Kind != engine.ProblemBlob || !isDangling(e, p.CID) {
							t.Errorf("check: %v", p)
						}
					}))
				}
			})
		}
	}
}

// isDangling: a link's block need not be there.
func isDangling(e *engine.Engine, c cid.Cid) bool {
	ok, err := e.HasBlock(ctx, c)
	return err == nil && !ok
}

// sync pulls, and pushes what is new.
func (p *peer) sync(commits bool) {
	p.t.Helper()
	if _, err := p.c.Pull(ctx, p.b, PullOptions{Resolve: larger}); err != nil && !errors.Is(err, ErrNoBranch) {
		p.t.Fatal(err)
	}
	if commits {
		if _, err := p.b.Head(ctx); err != nil {
			return // nothing to push yet
		}
	}
	must(p.c.Push(ctx, p.b, PushOptions{Resolve: larger}))(p.t)
}
