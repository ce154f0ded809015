package receipt

import (
	"context"
	"errors"
	"maps"
	"testing"
	"time"

	"github.com/ipfs/go-cid"
	"github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/principal"
)

// upload is a blob on its way: the blocks and receipts that there are.
type upload struct {
	t        *testing.T
	service  principal.Signer
	space    principal.Signer
	digest   multihash.Multihash
	blocks   map[cid.Cid][]byte
	receipts map[cid.Cid]*Receipt
	add      *Receipt
	tasks    []cid.Cid // allocate, put, accept
	now      time.Time
}

// task is the block of an invocation, without a signature: nobody looks at it.
func (u *upload) task(can, with string, nb object, exp any) cid.Cid {
	c, b := object{"v": "0.9.1", "att": []any{object{"can": can, "with": with, "nb": nb}}, "exp": exp, "prf": []any{}}.block(u.t)
	u.blocks[c] = b
	return c
}

func newUpload(t *testing.T) *upload {
	digest, err := multihash.Sum([]byte("hello"), multihash.SHA2_256, -1)
	if err != nil {
		t.Fatal(err)
	}
	u := &upload{t: t, service: key(t, "service"), space: key(t, "space"), digest: digest,
		blocks: map[cid.Cid][]byte{}, receipts: map[cid.Cid]*Receipt{}, now: time.Unix(1000, 0)}
	blob := object{"digest": []byte(digest), "size": 5}
	srv, space := u.service.DID().String(), u.space.DID().Bytes()
	add := u.task("space/blob/add", u.space.DID().String(), object{"blob": blob}, nil)
	allocate := u.task("blob/allocate", srv, object{"blob": blob, "space": space, "cause": add}, nil)
	put := u.task("http/put", u.key().DID().String(), object{"body": blob}, nil)
	accept := u.task("blob/accept", srv, object{"blob": blob, "space": space}, nil)
	u.tasks = []cid.Cid{allocate, put, accept}
	u.add = issued(t, u.service, Outcome{Ran: add, Ok: object{"site": object{"ucan/await": []any{".out.ok.site", accept}}}.node(t), Fork: u.tasks})
	return u
}

func (u *upload) key() principal.Signer {
	k, err := BlobKey(u.digest)
	if err != nil {
		u.t.Fatal(err)
	}
	return k
}

// answer stores the receipt of a task.
func (u *upload) answer(task int, by principal.Signer, o Outcome) *upload {
	o.Ran = u.tasks[task]
	u.receipts[o.Ran] = issued(u.t, by, o)
	return u
}

func (u *upload) evidence() Evidence {
	return Evidence{
		Service: u.service.Verifier(), Space: u.space.DID(), Digest: u.digest, Now: u.now,
		Receipt: func(_ context.Context, task cid.Cid) (cid.Cid, []byte, error) {
			if r := u.receipts[task]; r != nil {
				return r.CID(), r.Bytes(), nil
			}
			return cid.Undef, nil, nil
		},
		Block: func(_ context.Context, c cid.Cid) ([]byte, error) { return u.blocks[c], nil },
	}
}

// TestBlobState is requirement 4: each state, from receipts alone.
func TestBlobState(t *testing.T) {
	full := object{"name": "InsufficientStorage", "message": "full"}
	ok := func(t *testing.T) Outcome { return Outcome{Ok: object{}.node(t)} }
	address := func(t *testing.T, expires int) Outcome {
		return Outcome{Ok: object{"size": 5, "address": object{"url": "http://x/", "expires": expires}}.node(t)}
	}
	located := func(u *upload, exp any) Outcome {
		site := u.task("assert/location", u.service.DID().String(), object{}, exp)
		return Outcome{Ok: object{"site": site}.node(u.t)}
	}
	mallory := key(t, "mallory")
	for _, c := range []struct {
		name string
		want State
		do   func(u *upload)
	}{
		{"no receipt", Queued, func(u *upload) { u.add = nil }},
		{"over capacity", Refused, func(u *upload) { u.add = issued(t, u.service, Outcome{Ran: u.add.Ran(), Failure: full.node(t)}) }},
		{"added", Pending, func(u *upload) {}},
		{"allocated", Pending, func(u *upload) { u.answer(forkAllocate, u.service, address(t, 1001)) }},
		{"held already, nothing to send", Pending, func(u *upload) { u.answer(forkAllocate, u.service, ok(t)) }},
		{"address expired", Expired, func(u *upload) { u.answer(forkAllocate, u.service, address(t, 1000)) }},
		{"allocation failed", Failed, func(u *upload) { u.answer(forkAllocate, u.service, Outcome{Failure: full.node(t)}) }},
		{"sent", Delivered, func(u *upload) { u.answer(forkAllocate, u.service, address(t, 900)).answer(forkPut, u.key(), ok(t)) }},
		{"sending failed", Pending, func(u *upload) { u.answer(forkPut, u.key(), Outcome{Failure: full.node(t)}) }},
		{"seen by the service", Located, func(u *upload) { u.answer(forkAccept, u.service, located(u, nil)) }},
		{"seen, not sent by the client", Located, func(u *upload) { u.answer(forkAccept, u.service, located(u, 1001)) }},
		{"location expired", Expired, func(u *upload) { u.answer(forkAccept, u.service, located(u, 1000)) }},
		{"not what was announced", Failed, func(u *upload) {
			u.answer(forkPut, u.key(), ok(t)).answer(forkAccept, u.service, Outcome{Failure: full.node(t)})
		}},
		{"forged acceptance", Pending, func(u *upload) { u.answer(forkAccept, mallory, located(u, nil)) }},
		{"forged allocation", Pending, func(u *upload) { u.answer(forkAllocate, mallory, Outcome{Failure: full.node(t)}) }},
		{"sent, as a stranger says", Pending, func(u *upload) { u.answer(forkPut, mallory, ok(t)) }},
		{"acceptance of something else", Pending, func(u *upload) {
			u.answer(forkAccept, u.service, located(u, nil))
			u.receipts[u.tasks[forkAccept]] = issued(t, u.service, Outcome{Ran: some("x"), Ok: object{"site": some("y")}.node(t)})
		}},
		{"without the invocation", Located, func(u *upload) {
			u.answer(forkAccept, u.service, located(u, nil))
			delete(u.blocks, u.add.Ran())
		}},
	} {
		u := newUpload(t)
		c.do(u)
		if got, err := BlobState(t.Context(), u.add, u.evidence()); got != c.want || err != nil {
			t.Errorf("%s: %s, %v, want %s", c.name, got, err, c.want)
		}
	}
}

// TestBlobStateForged is requirement 5 (R4): whatever else lies under a blob's
// key.
func TestBlobStateForged(t *testing.T) {
	for _, c := range []struct {
		name string
		want error
		do   func(u *upload, e *Evidence)
	}{
		{"by another", ErrForged, func(u *upload, e *Evidence) {
			u.add = issued(t, key(t, "mallory"), Outcome{Ran: u.add.Ran(), Ok: u.add.Ok(), Fork: u.tasks})
		}},
		{"another service", ErrForged, func(u *upload, e *Evidence) { e.Service = key(t, "mallory").Verifier() }},
		{"another space", ErrForged, func(u *upload, e *Evidence) { e.Space = key(t, "alice").DID() }},
		{"another blob", ErrForged, func(u *upload, e *Evidence) {
			e.Digest, _ = multihash.Sum([]byte("other"), multihash.SHA2_256, -1)
		}},
		{"another blob, invocation missing", ErrForged, func(u *upload, e *Evidence) {
			e.Digest, _ = multihash.Sum([]byte("other"), multihash.SHA2_256, -1)
			delete(u.blocks, u.add.Ran())
		}},
		{"of another invocation", ErrForged, func(u *upload, e *Evidence) {
			u.add = issued(t, u.service, Outcome{Ran: u.tasks[forkPut], Ok: u.add.Ok()})
		}},
		{"no block", ErrUnproven, func(u *upload, e *Evidence) { clear(u.blocks) }},
		{"blocks with other bytes", ErrMalformed, func(u *upload, e *Evidence) {
			for c := range maps.Clone(u.blocks) {
				u.blocks[c] = []byte{0xa0}
			}
		}},
	} {
		u := newUpload(t)
		e := u.evidence()
		c.do(u, &e)
		if got, err := BlobState(t.Context(), u.add, e); got != Unknown || !errors.Is(err, c.want) {
			t.Errorf("%s: %s, %v", c.name, got, err)
		}
	}
	broken := errors.New("broken")
	u := newUpload(t)
	e := u.evidence()
	e.Receipt = func(context.Context, cid.Cid) (cid.Cid, []byte, error) { return cid.Undef, nil, broken }
	if _, err := BlobState(t.Context(), u.add, e); !errors.Is(err, broken) {
		t.Error(err)
	}
}
