package main

import (
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/storacha/go-ucanto/core/delegation"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/space"
)

// TestSpaceAuthorize: requirement 17 with the program: an agent at the end of a
// chain has its delegation authorized, and is believed without the chain.
func TestSpaceAuthorize(t *testing.T) {
	c := newCLI(t)
	s := c.serveSpaces("127.0.0.1:0")
	owner := strings.TrimSpace(c.ok("space", "create", "--key", "owner.key"))
	c.ok("space", "sync", s.url)

	// The agent's replica is given the chain as another program would give it.
	agent := func(args ...string) []string { return append([]string{"--store", "agent"}, args...) }
	c.ok(agent("space", "create", "--key", "agent.key", "--did", owner)...)
	proof := c.delegate(filepath.Join(c.dir, "agent"), owner, 5)
	c.fails(2, "no service is known", agent("space", "authorize", proof)...)
	c.ok(agent("space", "sync", s.url)...) // brings what the space has, with the whole chain
	type syncInfo struct {
		Bytes uint64 `json:"bytes"`
	}
	var full, short syncInfo
	c.ok(agent("space", "put", "/user/a", "1")...)
	c.json(&full, agent("space", "sync")...)
	var given []struct {
		Proof         link `json:"proof"`
		Authorization link `json:"authorization"`
	}
	c.json(&given, agent("space", "authorize", proof)...)
	if len(given) != 1 || given[0].Proof.CID != proof {
		t.Fatalf("%+v", given)
	}
	if list := c.ok(agent("space", "delegations")...); !strings.Contains(list, given[0].Authorization.CID) || !strings.Contains(list, "ucan/authorize") {
		t.Errorf("it is not among the delegations:\n%s", list)
	}
	c.ok(agent("space", "sync")...) // brings the authorization itself
	c.ok(agent("space", "put", "/user/a", "2")...)
	c.json(&short, agent("space", "sync")...)
	if short.Bytes >= full.Bytes {
		t.Errorf("a sync takes %d bytes with the authorization, %d with the chain", short.Bytes, full.Bytes)
	}
	c.fails(2, "", agent("space", "authorize")...)
	c.fails(2, "is no CID", agent("space", "authorize", "x")...)
	c.fails(2, "authorization of", agent("space", "authorize", "bafyreigh2akiscaildcqabsyg3dfr6chu3fgpregiymsck7e7aqa4s52zy")...)
}

// delegate has the owner delegate to agent.key over so many links, and keeps the
// chain in the store. It returns the last delegation's CID.
func (c *cli) delegate(store, owner string, links int) string {
	c.Helper()
	must := func(err error) {
		c.Helper()
		if err != nil {
			c.Fatal(err)
		}
	}
	ctx := c.Context()
	holder, err := auth.LoadKey(filepath.Join(c.dir, "owner.key"))
	must(err)
	last, err := auth.LoadKey(filepath.Join(c.dir, "agent.key"))
	must(err)
	var d delegation.Delegation
	for i := range links {
		next := last
		if i < links-1 {
			next, err = auth.NewKey()
			must(err)
		}
		terms := auth.Terms{Expires: auth.Seconds(time.Now().Add(time.Hour).Unix())}
		if d != nil {
			terms.Proofs = []delegation.Proof{delegation.FromDelegation(d)}
		}
		d, err = auth.Delegate(holder, next.DID(), []auth.Capability{{Can: "space/*", With: owner}}, terms)
		must(err)
		holder = next
	}
	e, err := engine.Open(store, nil)
	must(err)
	defer func() { must(e.Close()) }()
	id, err := space.ParseDID(owner)
	must(err)
	sp, err := space.Open(ctx, e, id)
	must(err)
	must(sp.Keep(ctx, d))
	return d.Link().String()
}
