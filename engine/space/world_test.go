package space

import (
	"bytes"
	"context"
	"crypto/rand"
	"net/http/httptest"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	ucancap "github.com/storacha/go-libstoracha/capabilities/ucan"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/core/ipld/block"
	"github.com/storacha/go-ucanto/principal"
	"go.uber.org/goleak"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// The library logs through a package with a goroutine of its own.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreTopFunction("github.com/ipfs/go-log/writer.(*MirrorWriter).logRoutine"))
}

// clock is a time that tests move.
type clock struct {
	mu sync.Mutex
	t  time.Time
}

func (c *clock) now() time.Time { c.mu.Lock(); defer c.mu.Unlock(); return c.t }
func (c *clock) add(d time.Duration) {
	c.mu.Lock()
	c.t = c.t.Add(d)
	c.mu.Unlock()
}

// world is a service over HTTP and what is needed to be its client.
type world struct {
	t      *testing.T
	ctx    context.Context
	clock  *clock
	svc    *Service
	e      *engine.Engine // the service's
	id     Identity
	server *httptest.Server
	mails  string
	blobs  *Blobs
}

func newWorld(t *testing.T, change ...func(*ServiceOptions)) *world {
	t.Helper()
	w := &world{t: t, ctx: context.Background(), clock: &clock{t: time.Now()}, e: newEngine(t)}
	var err error
	w.blobs, err = OpenBlobs(t.TempDir())
	w.must(err)
	w.server = httptest.NewServer(nil)
	w.mails = filepath.Join(t.TempDir(), "mail")
	o := ServiceOptions{
		Engine: w.e, Signer: serviceKey(t), Blobs: w.blobs, Capacity: 10_000,
		URL: w.server.URL, Now: w.clock.now, Mailer: MailDir(w.mails),
	}
	for _, f := range change {
		f(&o)
	}
	w.svc, err = NewService(w.ctx, o)
	w.must(err)
	w.server.Config.Handler = w.svc.Handler()
	t.Cleanup(func() {
		w.server.Client().CloseIdleConnections()
		w.server.Close()
	})
	w.id, err = Identify(w.ctx, w.server.URL, w.server.Client())
	w.must(err)
	return w
}

func newEngine(t *testing.T) *engine.Engine {
	t.Helper()
	e, err := engine.New(memkv.New(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

func serviceKey(t *testing.T) principal.Signer {
	t.Helper()
	k, err := auth.WithDID(newKey(t), "did:web:service.example")
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func newKey(t *testing.T) principal.Signer {
	t.Helper()
	k, err := auth.NewKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func (w *world) must(err error) {
	w.t.Helper()
	if err != nil {
		w.t.Fatal(err)
	}
}

// device is one replica of a space with its own store.
type device struct {
	*Space
	w     *world
	c     *Client
	blobs *Blobs
}

// device makes a replica for the holder of the space's key.
func (w *world) device(key principal.Signer) *device {
	w.t.Helper()
	s, err := Open(w.ctx, newEngine(w.t), key.DID())
	w.must(err)
	b, err := OpenBlobs(w.t.TempDir())
	w.must(err)
	return &device{Space: s, w: w, blobs: b,
		c: &Client{URL: w.server.URL, Service: w.id, Agent: key, HTTP: w.server.Client()}}
}

func (d *device) sync() *Report {
	d.w.t.Helper()
	r, err := d.Sync(d.w.ctx, d.c)
	d.w.must(err)
	return r
}

// add queues a blob with the bytes of a text.
func (d *device) add(text string) mh.Multihash {
	d.w.t.Helper()
	digest, size, err := d.blobs.Add(strings.NewReader(text))
	d.w.must(err)
	_, err = d.AddBlob(d.w.ctx, d.c, digest, size)
	d.w.must(err)
	return digest
}

// state is that of one blob, from the replica alone.
func (d *device) state(digest mh.Multihash) receipt.State {
	d.w.t.Helper()
	for b, err := range d.Blobs(d.w.ctx, d.w.id, d.w.clock.now()) {
		d.w.must(err)
		if bytes.Equal(b.Digest, digest) {
			if b.Err != nil {
				d.w.t.Logf("blob %s: %v", formatDigest(digest), b.Err)
			}
			return b.State
		}
	}
	return receipt.Unknown
}

func (d *device) keys(prefix string) []string {
	d.w.t.Helper()
	var out []string
	for e, err := range d.Range(d.w.ctx, prolly.Range{Prefix: []byte(prefix)}) {
		d.w.must(err)
		out = append(out, string(e.Key))
	}
	return out
}

func (d *device) has(key string) bool { return slices.Contains(d.keys(key), key) }

func (d *device) root() cid.Cid {
	d.w.t.Helper()
	c, err := d.Branch().Fold(d.w.ctx)
	d.w.must(err)
	return c
}

// linkAt is the link at a key.
func (d *device) linkAt(key string) cid.Cid {
	d.w.t.Helper()
	c, _, err := d.link(d.w.ctx, []byte(key))
	d.w.must(err)
	return c
}

// outcome reads the receipt for an invocation, verified.
func (d *device) outcome(inv cid.Cid) *receipt.Receipt {
	d.w.t.Helper()
	at := d.linkAt(PrefixReceipt + inv.String())
	if !at.Defined() {
		d.w.t.Fatalf("no receipt for %v", inv)
	}
	b, err := d.e.ReadBlock(d.w.ctx, at)
	d.w.must(err)
	v, err := d.w.id.Verifier()
	d.w.must(err)
	r, err := receipt.Verify(at, b, inv, v)
	d.w.must(err)
	return r
}

// allocations calls f with what a space has allocated, by its keys.
func (w *world) allocations(d *device, f func(key string, a allocation)) {
	w.t.Helper()
	b, err := w.e.Branch(w.ctx, BranchName(d.DID()))
	w.must(err)
	w.must(side(w.ctx, b, func(r *engine.Root) error {
		for e, err := range r.Range(w.ctx, prolly.Range{Prefix: []byte(sideAlloc)}) {
			w.must(err)
			var a allocation
			_, err := getJSON(w.ctx, r, string(e.Key), &a)
			w.must(err)
			f(string(e.Key), a)
		}
		return nil
	}))
}

// usage is what the service counts for the space, which must be the sum over
// its allocations.
func (w *world) usage(d *device) uint64 {
	w.t.Helper()
	n, err := w.svc.Usage(w.ctx, d.DID())
	w.must(err)
	var sum uint64
	w.allocations(d, func(_ string, a allocation) { sum += a.Size })
	if sum != n {
		w.t.Errorf("usage %d, sum over allocations %d", n, sum)
	}
	return n
}

// invocation signs one for the service, with a nonce.
func (d *device) invocation(key principal.Signer, can, with string, nb ipld.Builder, change ...func(*auth.Terms)) delegation.Delegation {
	d.w.t.Helper()
	n, err := toNode(nb)
	d.w.must(err)
	t := auth.Terms{Expires: auth.Seconds(d.w.clock.now().Add(time.Hour).Unix()), Nonce: rand.Text()}
	for _, f := range change {
		f(&t)
	}
	inv, err := auth.Delegate(key, d.w.id.DID, []auth.Capability{{Can: can, With: with, Nb: n}}, t)
	d.w.must(err)
	return inv
}

// put is the http/put receipt of a blob, as an invocation would bring it.
func (d *device) put(task cid.Cid, digest mh.Multihash) ipld.Block {
	d.w.t.Helper()
	key, err := receipt.BlobKey(digest)
	d.w.must(err)
	r, err := issueOk(key, linkOf(task), unit{})
	d.w.must(err)
	return block.NewBlock(linkOf(r.CID()), r.Bytes())
}

// concludes says that the bytes of a blob were sent.
func (d *device) concludes(task cid.Cid, digest mh.Multihash) delegation.Delegation {
	d.w.t.Helper()
	done := d.put(task, digest)
	inv := d.invocation(d.c.Agent, ucancap.ConcludeAbility, d.c.Agent.DID().String(), ucancap.ConcludeCaveats{Receipt: done.Link()})
	d.w.must(inv.Attach(done))
	return inv
}

func (d *device) blobOf(text string) mh.Multihash {
	d.w.t.Helper()
	digest, _, err := d.blobs.Add(strings.NewReader(text))
	d.w.must(err)
	return digest
}
