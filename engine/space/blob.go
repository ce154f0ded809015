package space

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	mh "github.com/multiformats/go-multihash"
	"github.com/storacha/go-libstoracha/capabilities/assert"
	"github.com/storacha/go-libstoracha/capabilities/blob"
	httpcap "github.com/storacha/go-libstoracha/capabilities/http"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-libstoracha/capabilities/types"
	ucancap "github.com/storacha/go-libstoracha/capabilities/ucan"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld"
	"github.com/storacha/go-ucanto/did"
	"github.com/storacha/go-ucanto/principal"
	"github.com/storacha/go-ucanto/ucan"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
)

// keyFact is {keys: {id, keys: {id: key}}}: a key as JavaScript archives it.
type keyFact struct{ key principal.Signer }

func (k keyFact) ToIPLD() (map[string]datamodel.Node, error) {
	id := k.key.DID().String()
	n, err := qp.BuildMap(basicnode.Prototype.Any, 2, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "id", qp.String(id))
		qp.MapEntry(m, "keys", qp.Map(1, func(m datamodel.MapAssembler) {
			qp.MapEntry(m, id, qp.Bytes(k.key.Encode()))
		}))
	})
	return map[string]datamodel.Node{"keys": n}, err
}

// blobAdd allocates room for a blob, and says what is to be done next.
func (s *Service) blobAdd(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(blobcap.AddCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	digest, err := checkDigest(nb.Blob.Digest)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "%v", err)
	}
	nb.Blob.Digest = digest
	var have allocation
	var found bool
	var used uint64
	var first cid.Cid
	err = side(ctx, j.home, func(r *engine.Root) error {
		if found, err = getJSON(ctx, r, allocKey(digest), &have); err != nil {
			return err
		}
		if first, err = getLink(ctx, r, sideBlob+formatDigest(digest)); err != nil {
			return err
		}
		used, err = getUsage(ctx, r)
		return err
	})
	if err != nil {
		return nil, err
	}
	now := s.o.Now()
	if found && (have.Located || now.Unix() < have.Expires) {
		return s.blobAgain(ctx, first)
	}
	if !found && (nb.Blob.Size > s.o.Capacity || used > s.o.Capacity-nb.Blob.Size) {
		return s.blobEntry(digest), denied(auth.InsufficientStorage, "%d bytes do not fit: %d of %d are in use", nb.Blob.Size, used, s.o.Capacity)
	}
	if nb.Blob.Size > s.o.Limits.BlobBytes {
		return s.blobEntry(digest), denied("BlobSizeOutsideOfSupportedRange", "a blob may have %d bytes", s.o.Limits.BlobBytes)
	}
	if !found {
		used += nb.Blob.Size
	}
	if j.unlock, err = s.digests.lock(ctx, string(digest)); err != nil { // its bytes may be on their way out
		return nil, err
	}
	return s.allocate(j, nb.Blob, used)
}

// blobEntry is an outcome whose receipt will stand for the blob.
func (s *Service) blobEntry(digest mh.Multihash) *outcome {
	out := &outcome{remember: true}
	out.blob = func(receipt cid.Cid) {
		out.side = append(out.side, putLink(sideBlob+formatDigest(digest), receipt))
		out.tree = append(out.tree, putLink(string(BlobKey(digest)), receipt))
	}
	return out
}

// blobAgain gives the result of the first receipt for a blob that is allocated
// already: the same tasks, and no further allocation.
func (s *Service) blobAgain(ctx context.Context, first cid.Cid) (*outcome, error) {
	r, err := s.loadReceipt(ctx, first)
	if err != nil {
		return nil, err
	}
	return &outcome{ok: asIs{r.Ok()}, forks: r.Forks()}, nil
}

// asIs is a node as a result.
type asIs struct{ n ipld.Node }

func (a asIs) ToIPLD() (datamodel.Node, error) { return a.n, nil }

func never() delegation.Option { return delegation.WithNoExpiration() }

// allocate counts a blob and signs the tasks that bring it here. When the bytes
// are here already all of them are done at once.
func (s *Service) allocate(j *job, b types.Blob, used uint64) (*outcome, error) {
	space, err := did.Parse(j.cap.With)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "with: %v", err)
	}
	out := s.blobEntry(b.Digest)
	self, cause := s.me.DID().String(), linkOf(j.cid)
	expires := s.o.Now().Add(s.o.Limits.Address)
	alloc, err := blob.Allocate.Invoke(s.me, s.me, self, blob.AllocateCaveats{Space: space, Blob: b, Cause: cause}, never())
	if err != nil {
		return nil, err
	}
	key, err := receipt.BlobKey(b.Digest)
	if err != nil {
		return nil, err
	}
	await := func(selector string, inv delegation.Delegation) types.Promise {
		return types.Promise{UcanAwait: types.Await{Selector: selector, Link: inv.Link()}}
	}
	put, err := httpcap.Put.Invoke(key, key, key.DID().String(), httpcap.PutCaveats{
		URL:     await(".out.ok.address.url", alloc),
		Headers: await(".out.ok.address.headers", alloc),
		Body:    httpcap.Body{Digest: b.Digest, Size: b.Size},
	}, never(), delegation.WithFacts([]ucan.FactBuilder{keyFact{key}}))
	if err != nil {
		return nil, err
	}
	accept, err := blob.Accept.Invoke(s.me, s.me, self, blob.AcceptCaveats{
		Space: space, Blob: b, Put: blob.Promise{UcanAwait: blob.Await{Selector: ".out.ok", Link: put.Link()}},
	}, never())
	if err != nil {
		return nil, err
	}
	address, err := s.address(space, b, expires)
	if err != nil {
		return nil, err
	}
	allocated, err := issueOk(s.me, alloc.Link(), blob.AllocateOk{Size: b.Size, Address: address})
	if err != nil {
		return nil, err
	}
	record := allocation{
		Size: b.Size, Cause: j.cid.String(), Put: put.Link().String(), Accept: accept.Link().String(),
		Expires: expires.Unix(), Since: s.o.Now().UnixMilli(),
	}
	out.ok = blobcap.AddOk{Site: await(".out.ok.site", accept)}
	out.tasks = []task{{alloc.Root(), allocated}, {put.Root(), nil}, {accept.Root(), nil}}
	if s.o.Blobs.Has(b.Digest, b.Size) {
		record.Located = true
		if out.tasks[1].receipt, err = issueOk(key, put.Link(), unit{}); err != nil {
			return nil, err
		}
		if out.tasks[2].receipt, err = s.locate(out, space, b, accept.Link()); err != nil {
			return nil, err
		}
	}
	for _, t := range out.tasks {
		out.forks = append(out.forks, t.cid())
	}
	for _, t := range out.tasks {
		if t.receipt == nil {
			continue
		}
		c, err := ucancap.Conclude.Invoke(s.me, s.me, self, ucancap.ConcludeCaveats{Receipt: linkOf(t.receipt.CID())}, never())
		if err != nil {
			return nil, err
		}
		out.forks = append(out.forks, mustCID(c.Link()))
		out.keep = append(out.keep, c.Root())
	}
	out.side = append(out.side, putJSON(allocKey(b.Digest), record), putUsage(used))
	out.own = append(out.own, putNote(note(sideHold, b.Digest, space)))
	return out, nil
}

// address is where the bytes of a blob are to be sent.
func (s *Service) address(space did.DID, b types.Blob, expires time.Time) (*blob.Address, error) {
	u, err := url.Parse(strings.TrimSuffix(s.o.URL, "/") + "/blob/" + space.String() + "/" + formatDigest(b.Digest))
	if err != nil {
		return nil, err
	}
	return &blob.Address{URL: *u, Headers: http.Header{}, Expires: uint64(expires.Unix())}, nil
}

// locate is the blob/accept receipt, which the service signs when it has seen
// the bytes (S5), with the commitment of where they are.
func (s *Service) locate(out *outcome, space did.DID, b types.Blob, accept ipld.Link) (*receipt.Receipt, error) {
	u, err := url.Parse(strings.TrimSuffix(s.o.URL, "/") + "/blob/" + formatDigest(b.Digest))
	if err != nil {
		return nil, err
	}
	size := b.Size
	site, err := assert.Location.Delegate(s.me, space, s.me.DID().String(), assert.LocationCaveats{
		Content: types.FromHash(b.Digest), Location: []url.URL{*u}, Range: &assert.Range{Length: &size}, Space: space,
	}, never(), delegation.WithNonce(accept.String()))
	if err != nil {
		return nil, err
	}
	c := mustCID(site.Link())
	out.keep = append(out.keep, site.Root())
	out.tree = append(out.tree, putLink(PrefixDelegation+c.String(), c))
	return issueOk(s.me, accept, blob.AcceptOk{Site: site.Link()}, c)
}
