package space

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	mh "github.com/multiformats/go-multihash"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	uploadcap "github.com/storacha/go-libstoracha/capabilities/upload"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"

	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// lists is an invocation that changes nothing and succeeds.
func (d *device) lists() delegation.Delegation {
	return d.invocation(d.c.Agent, blobcap.ListAbility, d.DID().String(), blobcap.ListCaveats{})
}

// TestQueueRuns: requirement 8: each is run once and has one receipt, ok or
// error, and malformed bytes stop none.
func TestQueueRuns(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	good := d.lists()
	bad := d.invocation(newKey(t), blobcap.ListAbility, d.DID().String(), blobcap.ListCaveats{}) // by nobody
	unknown := d.invocation(d.c.Agent, "space/nonsense", d.DID().String(), unit{})
	w.must(d.Queue(w.ctx, good, bad, unknown))
	// No invocation at all, under its right name; bytes that are not even there; a
	// value that is no link; a link to something else.
	junk := newBlock([]byte("\xa1\x61v\x650.9.1"))
	w.must(putBlocks(w.ctx, d.e, []ipld.Block{junk}))
	gone := newBlock([]byte("gone")).Link()
	w.must(d.Branch().Apply(w.ctx, []prolly.Edit{
		putLink(PrefixQueue+mustCID(junk.Link()).String(), mustCID(junk.Link())),
		putLink(PrefixQueue+mustCID(gone).String(), mustCID(gone)),
		{Key: []byte(PrefixQueue + "a"), Value: prolly.Value{Bytes: []byte("nonsense")}},
		putLink(PrefixQueue+"b", mustCID(good.Link())),
	}))
	r := d.sync()
	if r.Ran != 3 || len(r.Refused) != 4 {
		t.Errorf("%d ran, refused %v", r.Ran, r.Refused)
	}
	for inv, want := range map[delegation.Delegation]string{good: "", bad: "Unauthorized", unknown: "HandlerNotFoundError"} {
		c := mustCID(inv.Link())
		if got := d.outcome(c).ErrorName(); got != want {
			t.Errorf("outcome %q, want %q", got, want)
		}
		if d.has(PrefixQueue+c.String()) || !d.has(PrefixRun+c.String()) {
			t.Errorf("%s was not moved", c)
		}
	}
	if n := len(d.keys(PrefixReceipt)); n != 3 {
		t.Errorf("%d receipts", n)
	}
	if n := len(d.keys(PrefixQueue)); n != 4 {
		t.Errorf("%d left in the queue", n)
	}
}

// TestOtherAudiences: requirement 9: what is for others stays as it is.
func TestOtherAudiences(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	inv, err := auth.Delegate(d.c.Agent, newKey(t).DID(), []auth.Capability{{Can: "space/blob/list", With: d.DID().String()}}, auth.Terms{})
	w.must(err)
	w.must(d.Queue(w.ctx, inv, d.lists()))
	key := PrefixQueue + mustCID(inv.Link()).String()
	for range 2 {
		d.sync()
		if got := d.keys(PrefixQueue); !slices.Equal(got, []string{key}) || !d.linkAt(key).Equals(mustCID(inv.Link())) {
			t.Fatalf("queue %v", got)
		}
		b, err := w.e.ReadBlock(w.ctx, mustCID(inv.Link()))
		if err != nil || !bytes.Equal(b, inv.Root().Bytes()) {
			t.Fatalf("block: %v", err)
		}
	}
	if d.has(PrefixReceipt + mustCID(inv.Link()).String()) {
		t.Error("it was answered")
	}
}

// TestMovedBack: requirement 10; and 11: nothing that a client deletes changes an
// answer or the usage.
func TestMovedBack(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	var blobs []mh.Multihash
	for i := range 5 {
		blobs = append(blobs, d.add(fmt.Sprint("blob ", i)))
	}
	d.sync()
	root, usage := d.root(), w.usage(d)
	ran := w.svc.n.ran.Load()
	receipts := map[string]cid.Cid{}
	for _, k := range d.keys(PrefixReceipt) {
		receipts[k] = d.linkAt(k)
	}
	back := func() (edits []prolly.Edit) {
		for _, b := range blobs {
			r, err := w.svc.loadReceipt(w.ctx, d.linkAt(string(BlobKey(b))))
			w.must(err)
			edits = append(edits, putLink(PrefixQueue+r.Ran().String(), r.Ran()))
		}
		return edits
	}()
	check := func(what string) {
		t.Helper()
		d.sync()
		if got := w.svc.n.ran.Load(); got != ran || w.usage(d) != usage || !d.root().Equals(root) {
			t.Errorf("%s: %d ran, not %d; usage %d, not %d; root %v, not %v", what, got, ran, w.usage(d), usage, d.root(), root)
		}
	}
	w.must(d.Branch().Apply(w.ctx, back))
	check("moved back")

	var gone []prolly.Edit
	for _, p := range upheld {
		for _, k := range d.keys(p) {
			gone = append(gone, remove(k))
		}
	}
	w.must(d.Branch().Apply(w.ctx, gone))
	d.sync()
	if n := len(d.keys("/")); n != len(d.keys(PrefixDelegation)) || w.usage(d) != usage {
		t.Errorf("deleted: %d keys left, usage %d", n, w.usage(d))
	}
	w.must(d.Branch().Apply(w.ctx, back))
	d.sync()
	if w.svc.n.ran.Load() != ran || w.usage(d) != usage {
		t.Error("run again after its traces were deleted")
	}
	for _, e := range back {
		k := PrefixReceipt + e.Value.Link.String()
		if got := d.linkAt(k); !got.Equals(receipts[k]) {
			t.Errorf("%s: receipt %v, not %v", k, got, receipts[k])
		}
	}
	// What was deleted may be put back, since the service knows it.
	for k, c := range receipts {
		w.must(d.Branch().Apply(w.ctx, []prolly.Edit{putLink(k, c)}))
	}
	if r := d.sync(); len(r.Refused) > 0 {
		t.Errorf("refused %v", r.Refused)
	}
}

// TestTwoDevices: requirement 12: two devices that queue the same invocation get
// one execution, also at the same moment; a sync with nothing new writes nothing.
func TestTwoDevices(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	devices := []*device{w.device(key), w.device(key), w.device(key)}
	inv, err := devices[0].AddBlob(w.ctx, devices[0].c, devices[0].blobOf("shared"), 6)
	w.must(err)
	for _, d := range devices[1:] {
		w.must(d.Queue(w.ctx, inv))
	}
	var wg sync.WaitGroup
	for _, d := range devices {
		wg.Go(func() {
			if _, err := d.Sync(w.ctx, d.c); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if n := w.svc.n.ran.Load(); n != 1 || w.usage(devices[0]) != 6 {
		t.Errorf("%d executions, usage %d", n, w.usage(devices[0]))
	}
	for _, d := range devices {
		d.sync()
	}
	before := w.e.Stats()
	for _, d := range devices {
		if r := d.sync(); !d.root().Equals(devices[0].root()) || r.Sent+r.Received > 0 {
			t.Errorf("%+v", r)
		}
	}
	after := w.e.Stats()
	if before.Commits != after.Commits || before.Folds != after.Folds {
		t.Errorf("a sync with nothing new wrote: %+v, then %+v", before, after)
	}
}

// awaiting is {cursor: {"ucan/await": [".out.ok", link]}}.
type awaiting struct{ c cid.Cid }

func (a awaiting) ToIPLD() (datamodel.Node, error) {
	return qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "cursor", qp.Map(1, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, "ucan/await", qp.List(2, func(l datamodel.ListAssembler) {
				qp.ListEntry(l, qp.String(".out.ok"))
				qp.ListEntry(l, qp.Link(linkOf(a.c)))
			}))
		}))
	})
}

// TestAwait: requirement 13: what waits for a receipt stays queued until there is
// one, whatever the order of keys.
func TestAwait(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	first := d.lists()
	second := d.invocation(d.c.Agent, blobcap.ListAbility, d.DID().String(), awaiting{mustCID(first.Link())})
	third := d.invocation(d.c.Agent, blobcap.ListAbility, d.DID().String(), awaiting{mustCID(second.Link())})
	w.must(d.Queue(w.ctx, second, third))
	d.sync()
	if n := len(d.keys(PrefixQueue)); n != 2 {
		t.Fatalf("%d in the queue", n)
	}
	w.must(d.Queue(w.ctx, first))
	if r := d.sync(); r.Ran != 3 || len(d.keys(PrefixQueue)) != 0 || len(d.keys(PrefixReceipt)) != 3 {
		t.Errorf("%+v, queue %v", r, d.keys(PrefixQueue))
	}
}

// TestConflicts: where both changed a key the service keeps its own and says so.
func TestConflicts(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	w.must(a.Put(w.ctx, []byte("/user/x"), []byte("base")))
	a.sync()
	b.sync()
	w.must(a.Put(w.ctx, []byte("/user/x"), []byte("a's")))
	w.must(b.Put(w.ctx, []byte("/user/x"), []byte("b's")))
	w.must(b.Put(w.ctx, []byte("/user/y"), []byte("only b's")))
	a.sync()
	r := b.sync()
	if len(r.Conflicts) != 1 || string(r.Conflicts[0]) != "/user/x" {
		t.Errorf("conflicts %q", r.Conflicts)
	}
	a.sync()
	for _, d := range []*device{a, b} {
		x, err := d.Get(w.ctx, []byte("/user/x"))
		if err != nil || string(x) != "a's" {
			t.Errorf("%q, %v", x, err)
		}
	}
	if !a.root().Equals(b.root()) {
		t.Error("roots differ")
	}
}

// TestUnknownBase: a service that lost its past, or a client that met another,
// is given everything, and ends where the client is.
func TestUnknownBase(t *testing.T) {
	w, other := newWorld(t), newWorld(t)
	key := newKey(t)
	d := w.device(key)
	for i := range 100 {
		w.must(d.Put(w.ctx, fmt.Appendf(nil, "/user/%d", i), []byte("v")))
	}
	d.sync()
	// The service's key moves to a new, empty store.
	other.svc.me = w.svc.me
	a, err := other.svc.newValidator()
	w.must(err)
	other.svc.auth = a
	d.c.URL = other.server.URL
	w.must(d.Delete(w.ctx, []byte("/user/7")))
	r := d.sync()
	if r.Trips != 2 || r.Received != 0 {
		t.Errorf("%+v", r)
	}
	if r := d.sync(); r.Sent+r.Received != 0 || r.Trips != 1 {
		t.Errorf("%+v", r)
	}
}

// TestReplicasConverge: random edits of several devices, in random order, with
// blobs and uploads among them: after everyone has synced all roots are one, and
// the service's.
func TestReplicasConverge(t *testing.T) {
	rounds := 30
	if testing.Short() {
		rounds = 8
	}
	seed := rand.Uint64()
	rnd := rand.New(rand.NewPCG(seed, 1))
	t.Logf("seed %d", seed)
	w := newWorld(t)
	key := newKey(t)
	devices := []*device{w.device(key), w.device(key), w.device(key)}
	for range rounds {
		for _, d := range devices {
			for range rnd.IntN(8) {
				k := fmt.Appendf(nil, "/user/%d", rnd.IntN(40))
				switch rnd.IntN(10) {
				case 0:
					d.add(fmt.Sprint("blob ", rnd.IntN(20)))
				case 1:
					root := newBlock(k).Link()
					w.must(d.Queue(w.ctx, d.invocation(key, uploadcap.AddAbility, d.DID().String(), uploadcap.AddCaveats{Root: root})))
				case 2:
					if all := d.keys("/"); len(all) > 0 {
						w.must(d.Delete(w.ctx, []byte(all[rnd.IntN(len(all))])))
					}
				case 3:
					w.must(d.Put(w.ctx, k, bytes.Repeat(k, 400))) // out of line
				default:
					w.must(d.Put(w.ctx, k, fmt.Append(nil, rnd.IntN(3))))
				}
			}
			if rnd.IntN(3) > 0 {
				d.sync()
			}
			if rnd.IntN(4) == 0 {
				_, err := d.Deliver(w.ctx, d.c, d.blobs, w.clock.now())
				w.must(err)
			}
		}
	}
	for range 2 {
		for _, d := range devices {
			d.sync()
		}
	}
	b, err := w.e.Branch(w.ctx, BranchName(key.DID()))
	w.must(err)
	root, err := b.Fold(w.ctx)
	w.must(err)
	for i, d := range devices {
		if !d.root().Equals(root) {
			t.Errorf("device %d has %v, the service %v", i, d.root(), root)
		}
	}
	w.usage(devices[0])
}

// TestQueuedElsewhere: requirement 8: an invocation about another space, or about
// none, that stands in a space's queue is run where it belongs, and answered here,
// once.
func TestQueuedElsewhere(t *testing.T) {
	w := newWorld(t)
	a, b := w.device(newKey(t)), w.device(newKey(t))
	b.sync()
	add, err := b.AddBlob(w.ctx, b.c, b.blobOf("b's"), 3)
	w.must(err)
	unknown := w.device(newKey(t)).invocation(newKey(t), blobcap.ListAbility, newKey(t).DID().String(), blobcap.ListCaveats{})
	w.must(a.Queue(w.ctx, add, unknown))
	a.sync()
	if w.usage(b) != 3 || w.usage(a) != 0 {
		t.Errorf("usage %d and %d", w.usage(b), w.usage(a))
	}
	if got := a.outcome(mustCID(unknown.Link())).ErrorName(); got != auth.Unauthorized {
		t.Errorf("by nobody, about nothing: %q", got)
	}
	receipt := a.linkAt(PrefixReceipt + mustCID(add.Link()).String())
	b.sync()
	if got := b.linkAt(PrefixReceipt + mustCID(add.Link()).String()); !got.Equals(receipt) || w.usage(b) != 3 {
		t.Errorf("receipts %v and %v, usage %d", receipt, got, w.usage(b))
	}
	ran := w.svc.n.ran.Load()
	root := a.root()
	w.must(a.Queue(w.ctx, add, unknown)) // moved back
	a.sync()
	if w.svc.n.ran.Load() != ran || !a.root().Equals(root) {
		t.Error("run again")
	}
}
