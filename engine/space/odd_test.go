package space

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"testing"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	uploadcap "github.com/storacha/go-libstoracha/capabilities/upload"
	"github.com/storacha/go-ucanto/core/ipld"
	rsasigner "github.com/storacha/go-ucanto/principal/rsa/signer"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
)

// identity is a CID of so many bytes.
func identity(t *testing.T, n int) ipld.Link {
	t.Helper()
	b := make([]byte, n)
	_, _ = rand.Read(b) // never fails
	h, err := mh.Sum(b, mh.IDENTITY, -1)
	if err != nil {
		t.Fatal(err)
	}
	return linkOf(cid.NewCidV1(cid.Raw, h))
}

// TestOddNames: requirement 8: names that fit into no key and no branch are
// answered with receipts, and do not stop the other invocations.
func TestOddNames(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	long, err := rsasigner.Generate()
	w.must(err)
	odd := map[cid.Cid]string{}
	for _, inv := range []struct {
		with string
		can  string
		nb   ipld.Builder
	}{
		{long.DID().String(), blobcap.ListAbility, blobcap.ListCaveats{}},
		{"did:mailto:web.mail:alice", blobcap.ListAbility, blobcap.ListCaveats{}},
		{"https://example.org/", blobcap.ListAbility, blobcap.ListCaveats{}},
		{d.DID().String(), uploadcap.AddAbility, uploadcap.AddCaveats{Root: identity(t, 1500)}},
		{d.DID().String(), uploadcap.AddAbility, uploadcap.AddCaveats{Root: identity(t, 30), Shards: []ipld.Link{identity(t, 80_000)}}},
	} {
		signed := d.invocation(d.c.Agent, inv.can, inv.with, inv.nb)
		w.must(d.Queue(w.ctx, signed))
		odd[mustCID(signed.Link())] = inv.can + " " + inv.with
	}
	good := d.lists()
	w.must(d.Queue(w.ctx, good))
	if r := d.sync(); r.Ran != len(odd)+1 {
		t.Errorf("%d run", r.Ran)
	}
	for c, what := range odd {
		if got := d.outcome(c).ErrorName(); got != auth.InvocationCapability {
			t.Errorf("%.80s: %q", what, got)
		}
	}
	if got := d.outcome(mustCID(good.Link())).ErrorName(); got != "" {
		t.Errorf("the good one: %q", got)
	}
	for _, path := range []string{"/blob/" + long.DID().String() + "/" + formatDigest(mustDigest(t, "x")), "/space/" + long.DID().String()} {
		method := http.MethodPut
		if strings.HasPrefix(path, "/space/") {
			method = http.MethodPost
		}
		if _, err := d.c.do(w.ctx, method, path, carType, []byte("x"), 1000); err == nil || strings.Contains(err.Error(), "500") {
			t.Errorf("%s: %v", method, err)
		}
	}
}

func mustDigest(t *testing.T, text string) mh.Multihash {
	t.Helper()
	d, err := mh.Sum([]byte(text), mh.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// TestUploadPages: a list of uploads with many shards comes in pages, each of which
// goes into a receipt.
func TestUploadPages(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	const n = 8
	for range n {
		var shards []ipld.Link
		for range 1000 {
			shards = append(shards, identity(t, 32))
		}
		w.must(d.Queue(w.ctx, d.invocation(d.c.Agent, uploadcap.AddAbility, d.DID().String(), uploadcap.AddCaveats{Root: identity(t, 32), Shards: shards})))
	}
	if r := d.sync(); r.Ran != n || len(r.Refused) > 0 {
		t.Fatalf("%+v", r)
	}
	seen, cursor := 0, (*string)(nil)
	for page := 0; seen < n; page++ {
		a, err := d.c.Invoke(w.ctx, d.invocation(d.c.Agent, uploadcap.ListAbility, d.DID().String(), uploadcap.ListCaveats{Cursor: cursor}))
		w.must(err)
		ok, bad := uploadcap.ListOkReader.Read(a.Receipt.Ok())
		if bad != nil {
			t.Fatal(bad)
		}
		if len(ok.Results) == 0 || page > n {
			t.Fatal(fmt.Sprint("page ", page, " of ", len(ok.Results)))
		}
		seen, cursor = seen+len(ok.Results), ok.Cursor
		if seen < n && cursor == nil {
			t.Fatal("no cursor")
		}
	}
}
