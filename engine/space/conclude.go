package space

import (
	"context"
	"errors"

	cid "github.com/ipfs/go-cid"
	httpcap "github.com/storacha/go-libstoracha/capabilities/http"
	"github.com/storacha/go-libstoracha/capabilities/types"
	ucancap "github.com/storacha/go-libstoracha/capabilities/ucan"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// conclude takes a receipt for a task that somebody else was to do. The one that
// matters is for http/put: the service then looks for the bytes.
func (s *Service) conclude(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(ucancap.ConcludeCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	c, err := cidOf(nb.Receipt)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "nb.receipt: %v", err)
	}
	b, err := j.source(ctx, c)
	if errors.Is(err, engine.ErrMissing) {
		return nil, denied("ReferencedInvocationNotFound", "receipt %v did not come with the invocation", c)
	}
	if err != nil {
		return nil, err
	}
	r, err := receipt.Read(c, b)
	if err != nil {
		return nil, denied("ConcludeError", "receipt %v: %v", c, err)
	}
	return &outcome{ok: ucancap.ConcludeOk{Time: s.o.Now()}}, s.putDone(ctx, r)
}

// putDone is told by somebody that the bytes of a blob were sent. The service
// looks for itself (S5): until they are there, nothing changes.
func (s *Service) putDone(ctx context.Context, r *receipt.Receipt) error {
	put := r.Ran()
	home, err := s.homeWith(ctx, put)
	if errors.Is(err, engine.ErrNotFound) || home == s.own {
		return denied("ReferencedInvocationNotFound", "no task %v of this service", put)
	}
	if err != nil {
		return err
	}
	chain, err := s.auth.Load(ctx, put, authSource(s.e.ReadBlock))
	if err != nil {
		return err
	}
	nb, err := caveats(httpcap.PutCaveatsReader, chain.Capabilities()[0].Nb)
	if err != nil {
		return err
	}
	key, err := receipt.BlobKey(nb.Body.Digest)
	if err != nil {
		return err
	}
	if err := r.Verify(key.Verifier()); err != nil {
		return denied("ConcludeError", "http/put receipt: %v", err)
	}
	space, ok := ParseBranchName(home.Name())
	if !ok {
		return denied("ReferencedInvocationNotFound", "no task of a space: %v", put)
	}
	unlock, err := s.running.lock(ctx, home.Name())
	if err != nil {
		return err
	}
	defer unlock()
	return s.accept(ctx, home, space, types.Blob{Digest: nb.Body.Digest, Size: nb.Body.Size}, task{chain.Delegation().Root(), r})
}

// accept makes a blob located if its bytes are here.
func (s *Service) accept(ctx context.Context, home *engine.Branch, space did.DID, b types.Blob, put task) error {
	var a allocation
	var found bool
	err := side(ctx, home, func(r *engine.Root) (err error) {
		found, err = getJSON(ctx, r, allocKey(b.Digest), &a)
		return err
	})
	if err != nil {
		return err
	}
	if !found || a.Put != put.cid().String() {
		return denied("ReferencedInvocationNotFound", "the blob is not allocated any more")
	}
	if a.Located {
		return nil
	}
	if !s.o.Blobs.Has(b.Digest, b.Size) {
		return denied("AllocatedMemoryHadNotBeenWrittenTo", "the bytes of the blob are not here")
	}
	accept, err := cid.Decode(a.Accept)
	if err != nil {
		return err
	}
	chain, err := s.auth.Load(ctx, accept, authSource(s.e.ReadBlock))
	if err != nil {
		return err
	}
	out := &outcome{}
	r, err := s.locate(out, space, b, linkOf(accept))
	if err != nil {
		return err
	}
	a.Located = true
	out.tasks = []task{put, {chain.Delegation().Root(), r}}
	out.side = append(out.side, putJSON(allocKey(b.Digest), a))
	s.n.located.Add(1)
	return s.settle(ctx, home, out)
}
