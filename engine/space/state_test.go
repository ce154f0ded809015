package space

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	datastore "github.com/ipfs/go-datastore"
	dssync "github.com/ipfs/go-datastore/sync"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/kv/dskv"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// TestOffline: requirement 1: everything but a sync works without a service.
func TestOffline(t *testing.T) {
	ctx := t.Context()
	s, err := Open(ctx, newEngine(t), newKey(t).DID())
	if err != nil {
		t.Fatal(err)
	}
	must := func(err error) {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
	}
	must(s.Put(ctx, []byte("/user/a"), []byte("1")))
	must(s.Put(ctx, []byte("/user/b"), []byte("2")))
	first, err := s.Commit(ctx, "first")
	must(err)
	must(s.Delete(ctx, []byte("/user/a")))
	must(s.Put(ctx, []byte("/user/b"), []byte("3")))
	if _, err := s.Get(ctx, []byte("/user/a")); !errors.Is(err, engine.ErrNotFound) {
		t.Errorf("deleted: %v", err)
	}
	if v, err := s.Get(ctx, []byte("/user/b")); err != nil || string(v) != "3" {
		t.Errorf("%q, %v", v, err)
	}
	var got []string
	for c, err := range s.Diff(ctx, first.CID, prolly.Range{}) {
		must(err)
		got = append(got, fmt.Sprintf("%s %v %v", c.Key, c.From != nil, c.To != nil))
	}
	if want := "[/user/a true false /user/b true true]"; fmt.Sprint(got) != want {
		t.Errorf("diff %v, want %v", got, want)
	}
	_, err = s.Commit(ctx, "second")
	must(err)
	var messages []string
	for c, err := range s.History(ctx) {
		must(err)
		messages = append(messages, string(c.Meta["message"]))
	}
	if fmt.Sprint(messages) != "[second first]" {
		t.Errorf("history %v", messages)
	}
}

// TestSyncConverges: requirement 2: equal roots, and bytes that grow with the
// difference and not with the space.
func TestSyncConverges(t *testing.T) {
	w := newWorld(t)
	key := newKey(t)
	a, b := w.device(key), w.device(key)
	var edits []prolly.Edit
	for i := range 5000 {
		edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "/user/%05d", i), Value: prolly.Value{Bytes: bytes.Repeat([]byte{byte(i)}, 60)}})
	}
	w.must(a.Branch().Apply(w.ctx, edits))
	all := a.sync()
	if got := b.sync(); !got.Root.Equals(all.Root) || !b.root().Equals(a.root()) || got.Received != 5000 {
		t.Fatalf("%+v after %+v", got, all)
	}
	bytesFor := func(n int) uint64 {
		for i := range n {
			w.must(a.Put(w.ctx, fmt.Appendf(nil, "/user/%05d", i*7), fmt.Appendf(nil, "changed %d %d", n, i)))
		}
		r := a.sync()
		if got := b.sync(); !got.Root.Equals(r.Root) || !b.root().Equals(a.root()) || got.Received != n || r.Trips != 1 {
			t.Fatalf("%+v after %+v", got, r)
		}
		return r.Bytes
	}
	one, hundred := bytesFor(1), bytesFor(100)
	t.Logf("bytes of a sync: 5000 entries %d, 1 change %d, 100 changes %d", all.Bytes, one, hundred)
	if one > 1500 || hundred > one+100*60 {
		t.Errorf("too many bytes: %d for one change, %d for a hundred", one, hundred)
	}
}

// TestAnyStore: requirement 3.
func TestAnyStore(t *testing.T) {
	ctx := t.Context()
	var roots []cid.Cid
	id := newKey(t).DID()
	for name, open := range map[string]func() (*engine.Engine, error){
		"pebble": func() (*engine.Engine, error) { return engine.Open(t.TempDir(), nil) },
		"memory": func() (*engine.Engine, error) { return engine.New(memkv.New(), nil) },
		"datastore": func() (*engine.Engine, error) {
			s, err := dskv.New(ctx, dssync.MutexWrap(datastore.NewMapDatastore()))
			if err != nil {
				return nil, err
			}
			return engine.New(s, nil)
		},
	} {
		e, err := open()
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		s, err := Open(ctx, e, id)
		for i := 0; i < 500 && err == nil; i++ {
			err = s.Put(ctx, fmt.Appendf(nil, "/user/%d", i), []byte("x"), engine.NoSync)
		}
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		root, err := s.Branch().Fold(ctx)
		if err = errors.Join(err, e.Close()); err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		roots = append(roots, root)
	}
	if !roots[0].Equals(roots[1]) || !roots[0].Equals(roots[2]) {
		t.Errorf("roots %v", roots)
	}
}

// TestBlobStates: requirements 4 and 7: a blob goes through its states, which are
// read off the replica without the service; only the bytes make it located.
func TestBlobStates(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	want := func(digest []byte, s receipt.State) {
		t.Helper()
		if got := d.state(digest); got != s {
			t.Fatalf("state %v, want %v", got, s)
		}
	}
	b := d.add("hello")
	want(b, receipt.Queued)
	r := d.sync()
	if r.Ran != 1 || len(r.Refused)+len(r.Conflicts) > 0 {
		t.Fatalf("%+v", r)
	}
	want(b, receipt.Pending)

	// Anyone can sign that the bytes were sent: it changes nothing.
	_, put, err := d.address(w.ctx, d.c, Blob{Digest: b})
	w.must(err)
	lie := d.concludes(put, b)
	w.must(d.Queue(w.ctx, lie))
	want(b, receipt.Delivered) // as somebody says
	d.sync()
	if got := d.outcome(mustCID(lie.Link())).ErrorName(); got != "AllocatedMemoryHadNotBeenWrittenTo" {
		t.Errorf("the service took it for true: %q", got)
	}
	w.must(d.Delete(w.ctx, cidKey(PrefixAttached, mustCID(d.put(put, b).Link()))))
	want(b, receipt.Pending)

	n, err := d.Deliver(w.ctx, d.c, d.blobs, w.clock.now())
	w.must(err)
	if n != 1 {
		t.Fatalf("%d delivered", n)
	}
	want(b, receipt.Delivered)
	d.sync()
	want(b, receipt.Located)
	if _, err := w.svc.o.Blobs.Open(b); err != nil {
		t.Error(err)
	}
	root := d.root()
	if r := d.sync(); !r.Root.Equals(root) || r.Sent+r.Received+r.Ran > 0 {
		t.Errorf("a sync with nothing new: %+v", r)
	}

	late := d.add("too late")
	d.sync()
	w.clock.add(25 * time.Hour)
	want(late, receipt.Expired)
	want(b, receipt.Located)
}

// TestBlobFailed: requirement 4: a later step that ended in an error.
func TestBlobFailed(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	b := d.add("bad luck")
	d.sync()
	add, err := w.svc.loadReceipt(w.ctx, d.linkAt(string(BlobKey(b))))
	w.must(err)
	fail, err := w.svc.issue(add.Forks()[2], nil, denied("BlobSizeMismatch", "for the test"))
	w.must(err)
	w.must(d.e.PutBlock(w.ctx, fail.CID(), fail.Bytes()))
	w.must(d.Branch().Apply(w.ctx, []prolly.Edit{putLink(PrefixReceipt+add.Forks()[2].String(), fail.CID())}))
	if got := d.state(b); got != receipt.Failed {
		t.Errorf("state %v", got)
	}
}

// TestForgedReceipts: requirement 5: on both sides only what the service signed,
// for this space, this blob and this key, counts.
func TestForgedReceipts(t *testing.T) {
	w := newWorld(t)
	d, other := w.device(newKey(t)), w.device(newKey(t))
	mine, theirs := d.add("mine"), other.add("theirs")
	second := d.add("second")
	d.sync()
	other.sync()
	read := func(from *device, digest []byte) *receipt.Receipt {
		at := from.linkAt(string(BlobKey(digest)))
		b, err := from.e.ReadBlock(w.ctx, at)
		w.must(err)
		r, err := receipt.Read(at, b)
		w.must(err)
		return r
	}
	true1 := read(d, mine)
	forge := func(r *receipt.Receipt) *receipt.Receipt {
		o := receipt.Outcome{Ran: r.Ran(), Ok: r.Ok(), Fork: r.Forks()}
		f, err := receipt.Issue(d.c.Agent, o)
		w.must(err)
		return f
	}
	altered := bytes.Clone(true1.Bytes())
	altered[bytes.Index(altered, []byte(".out.ok.site"))+1] = 'O'
	alteredCID := newBlock(altered).Link()
	for name, f := range map[string]struct {
		digest []byte
		cid    cid.Cid
		bytes  []byte
	}{
		"wrong key":                       {mine, forge(true1).CID(), forge(true1).Bytes()},
		"altered outcome":                 {mine, mustCID(alteredCID), altered},
		"of another space":                {theirs, read(other, theirs).CID(), read(other, theirs).Bytes()},
		"of another blob of the space":    {mine, read(d, second).CID(), read(d, second).Bytes()},
		"a true one under another's name": {d.blobOf("never added"), true1.CID(), true1.Bytes()},
	} {
		t.Run(name, func(t *testing.T) {
			x := w.device(d.c.Agent)
			x.sync()
			had := x.linkAt(string(BlobKey(f.digest)))
			w.must(x.e.PutBlock(w.ctx, f.cid, f.bytes))
			w.must(x.Branch().Apply(w.ctx, []prolly.Edit{putLink(string(BlobKey(f.digest)), f.cid)}))
			for b, err := range x.Blobs(w.ctx, w.id, w.clock.now()) {
				w.must(err)
				if bytes.Equal(b.Digest, f.digest) && (b.State != receipt.Unknown || b.Err == nil) {
					t.Errorf("the client takes it for %v", b.State)
				}
			}
			r := x.sync()
			if len(r.Refused) != 1 || string(r.Refused[0].Key) != string(BlobKey(f.digest)) {
				t.Errorf("refused %v", r.Refused)
			}
			if got := x.linkAt(string(BlobKey(f.digest))); !got.Equals(had) {
				t.Errorf("it stands as %v, not %v", got, had)
			}
		})
	}
	// Nor does another service's.
	elsewhere := newWorld(t)
	y := elsewhere.device(d.c.Agent)
	y.add("mine")
	y.sync()
	foreign := read(y, mine)
	w.must(d.e.PutBlock(w.ctx, foreign.CID(), foreign.Bytes()))
	w.must(d.Branch().Apply(w.ctx, []prolly.Edit{putLink(string(BlobKey(mine)), foreign.CID())}))
	if got := d.state(mine); got != receipt.Unknown {
		t.Errorf("another service's receipt: %v", got)
	}
	d.sync()
	if got := d.state(mine); got != receipt.Pending {
		t.Errorf("not restored: %v", got)
	}
}

// TestCapacity: requirement 6.
func TestCapacity(t *testing.T) {
	w := newWorld(t) // 10,000 bytes
	d := w.device(newKey(t))
	big := d.add(strings.Repeat("a", 9_000))
	d.sync()
	more := d.add(strings.Repeat("b", 1_001))
	d.sync()
	if got := d.state(more); got != receipt.Refused || w.usage(d) != 9_000 {
		t.Fatalf("%v, usage %d", got, w.usage(d))
	}
	r, err := w.svc.loadReceipt(w.ctx, d.linkAt(string(BlobKey(more))))
	w.must(err)
	if r.ErrorName() != "InsufficientStorage" || len(r.Forks()) > 0 {
		t.Errorf("%q with %d effects", r.ErrorName(), len(r.Forks()))
	}

	first := d.linkAt(string(BlobKey(big)))
	_, err = d.AddBlob(w.ctx, d.c, big, 9_000) // another invocation for what is there
	w.must(err)
	d.sync()
	if got := d.linkAt(string(BlobKey(big))); !got.Equals(first) || w.usage(d) != 9_000 {
		t.Errorf("added again: %v, not %v; usage %d", got, first, w.usage(d))
	}

	for range 2 { // the second time there is nothing to give back
		inv := d.invocation(d.c.Agent, blobcap.RemoveAbility, d.DID().String(), blobcap.RemoveCaveats{Digest: big})
		w.must(d.Queue(w.ctx, inv))
		d.sync()
		if w.usage(d) != 0 || d.has(string(BlobKey(big))) {
			t.Errorf("removed: usage %d", w.usage(d))
		}
	}
	_, err = d.AddBlob(w.ctx, d.c, more, 1_001)
	w.must(err)
	d.sync()
	if got := d.state(more); got != receipt.Pending || w.usage(d) != 1_001 {
		t.Errorf("with room: %v, usage %d", got, w.usage(d))
	}
}

// TestPutChecked: requirement 7: bytes of another size or digest are not taken.
func TestPutChecked(t *testing.T) {
	w := newWorld(t)
	d := w.device(newKey(t))
	b := d.add("12345")
	url := w.server.URL + "/blob/" + d.DID().String() + "/" + formatDigest(b)
	put := func(body string, chunked bool) int {
		var r io.Reader = strings.NewReader(body)
		if chunked {
			r = io.MultiReader(r) // no length is announced
		}
		req, err := http.NewRequestWithContext(w.ctx, http.MethodPut, url, r)
		w.must(err)
		res, err := w.server.Client().Do(req)
		w.must(err)
		w.must(res.Body.Close())
		return res.StatusCode
	}
	if got := put("12345", false); got != http.StatusNotFound {
		t.Errorf("before it is allocated: %d", got)
	}
	d.sync()
	for _, c := range []struct {
		body string
		want int
	}{{"1234", 400}, {"54321", 400}, {"123456", 413}, {"12345", 200}} {
		if got := put(c.body, true); got != c.want {
			t.Errorf("%q: %d, want %d", c.body, got, c.want)
		}
	}
	if got := put("123456", false); got != http.StatusBadRequest {
		t.Errorf("too long by its header: %d", got)
	}
	w.clock.add(25 * time.Hour)
	if got := put("12345", false); got != http.StatusGone {
		t.Errorf("after the address expired: %d", got)
	}
}
