package auth

import (
	"context"
	"fmt"
	"testing"

	"github.com/ipfs/go-cid"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/principal"
)

// longChain is n delegations, from a space to the last agent, and that agent.
func longChain(t testing.TB, n int) (delegation.Delegation, principal.Signer) {
	holder := key(t, "space")
	space := holder.DID()
	var d delegation.Delegation
	for i := range n {
		next := key(t, fmt.Sprint("agent", i))
		var above []delegation.Delegation
		if d != nil {
			above = append(above, d)
		}
		d = issue(t, holder, next.DID(), cap1("*", space, nil), above...)
		holder = next
	}
	return d, holder
}

// invocations of one agent by turns, each another invocation.
func invocations(t testing.TB, w *world, agent principal.Signer, n int, proofs []delegation.Proof) (roots []cid.Cid, src map[cid.Cid][]byte, size int) {
	src = map[cid.Cid][]byte{}
	for i := range n {
		d, err := Delegate(agent, w.DID(), cap1("test/get", key(t, "space").DID(), nil), Terms{
			Expires: Seconds(noon.Unix() + 60), Nonce: fmt.Sprint(i), Proofs: proofs})
		if err != nil {
			t.Fatal(err)
		}
		size = 0
		for c, b := range blocksOf(t, d) {
			src[c] = b
			size += len(b)
		}
		roots = append(roots, linkCID(d.Link()))
	}
	return roots, src, size
}

// BenchmarkChains prints bytes and time of an invocation over chains of 1 to
// 32 delegations: in full, with ucan/authorize, and each remembered.
//
//	go test ./engine/auth -run - -bench Chains
func BenchmarkChains(b *testing.B) {
	for _, n := range []int{1, 2, 4, 8, 16, 32} {
		d, agent := longChain(b, n)
		proof := chainOf(b, d)
		w := newWorld(b, nil)
		kept := Blocks(w.lists)
		a, err := w.Authorize(context.Background(), proof)
		if err != nil {
			b.Fatal(err)
		}
		full := []delegation.Proof{delegation.FromDelegation(d)}
		short := []delegation.Proof{delegation.FromDelegation(proof.root.alone()), delegation.FromDelegation(a)}
		for _, c := range []struct {
			name   string
			proofs []delegation.Proof
			cache  int
		}{{"full", full, -1}, {"authorized", short, -1}, {"full-cached", full, 0}, {"authorized-cached", short, 0}} {
			b.Run(fmt.Sprintf("%s/%d", c.name, n), func(b *testing.B) {
				w := newWorld(b, func(cfg *Config) { cfg.Cache, cfg.Lists = c.cache, kept })
				const turns = 64
				roots, src, size := invocations(b, w, agent, turns, c.proofs)
				ask := func(i int) {
					ch, err := w.Load(b.Context(), roots[i%turns], Blocks(src))
					if err != nil {
						b.Fatal(err)
					}
					if _, err := w.Access(b.Context(), ch); err != nil {
						b.Fatal(err)
					}
				}
				ask(0)
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					if c.cache == 0 && i%turns == 0 { // each invocation is new to the validator
						w.cache.tokens = newGenerations[cid.Cid, *token](cachedTokens)
					}
					ask(i)
				}
				b.ReportMetric(float64(size), "bytes")
			})
		}
	}
}
