package space

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"iter"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/datamodel"
	mh "github.com/multiformats/go-multihash"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-libstoracha/capabilities/types"
	ucancap "github.com/storacha/go-libstoracha/capabilities/ucan"
	"github.com/storacha/go-ucanto/core/delegation"
	"github.com/storacha/go-ucanto/core/ipld/block"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/engine/receipt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Blob is a blob of the space, and how far receipts show it to be.
type Blob struct {
	Digest mh.Multihash
	Size   uint64 // 0 when the invocation is not here
	State  receipt.State
	Err    error // why a receipt does not count, when the state is Unknown
}

// Blobs yields the blobs of the space by digest, then those that are only
// queued, by invocation. No service is asked: only what it signed counts, and
// whoever wrote the entries is not trusted (S3).
func (s *Space) Blobs(ctx context.Context, service Identity, now time.Time) iter.Seq2[Blob, error] {
	return func(yield func(Blob, error) bool) {
		if err := s.blobs(ctx, service, now, yield); err != nil {
			yield(Blob{}, fmt.Errorf("space: blobs: %w", err))
		}
	}
}

func (s *Space) blobs(ctx context.Context, service Identity, now time.Time, yield func(Blob, error) bool) error {
	v, err := service.Verifier()
	if err != nil {
		return err
	}
	seen := map[string]bool{}
	ev := receipt.Evidence{Service: v, Space: s.id, Now: now, Receipt: s.receipt, Block: s.blockOrNil}
	for e, err := range s.b.Range(ctx, prolly.Range{Prefix: []byte(PrefixBlob)}) {
		if err != nil {
			return err
		}
		digest, err := ParseDigest(strings.TrimPrefix(string(e.Key), PrefixBlob))
		if err != nil {
			continue // anyone may write here: not a blob's name
		}
		ev.Digest = digest
		seen[string(digest)] = true
		if !yield(s.stateOf(ctx, e.Value.Link, ev), nil) {
			return nil
		}
	}
	for e, err := range s.b.Range(ctx, prolly.Range{Prefix: []byte(PrefixQueue)}) {
		if err != nil {
			return err
		}
		b, ok := s.queuedBlob(ctx, e.Value.Link)
		if ok && !seen[string(b.Digest)] {
			seen[string(b.Digest)] = true
			if !yield(Blob{Digest: b.Digest, Size: b.Size, State: receipt.Queued}, nil) {
				return nil
			}
		}
	}
	return nil
}

// stateOf reads the state of a blob off the receipt that stands for it.
func (s *Space) stateOf(ctx context.Context, link cid.Cid, ev receipt.Evidence) Blob {
	b := Blob{Digest: ev.Digest}
	var block []byte
	if link.Defined() {
		block, b.Err = s.blockOrNil(ctx, link)
	}
	if b.Err == nil && block == nil {
		b.Err = fmt.Errorf("%w: no receipt", receipt.ErrUnproven)
	}
	if b.Err != nil {
		return b
	}
	var r *receipt.Receipt
	if r, b.Err = receipt.Read(link, block); b.Err != nil {
		return b
	}
	if nb, ok := s.queuedBlob(ctx, r.Ran()); ok {
		b.Size = nb.Size
	}
	b.State, b.Err = receipt.BlobState(ctx, r, ev)
	return b
}

// queuedBlob reads the blob of a space/blob/add invocation of this space.
func (s *Space) queuedBlob(ctx context.Context, inv cid.Cid) (b types.Blob, ok bool) {
	ch, err := auth.Load(ctx, inv, authSource(s.e.ReadBlock), auth.Limits{})
	if err != nil {
		return b, false
	}
	c := ch.Capabilities()[0]
	nb, err := caveats(blobcap.AddCaveatsReader, c.Nb)
	if err != nil || c.Can != blobcap.AddAbility || c.With != s.id.String() {
		return b, false
	}
	_, err = checkDigest(nb.Blob.Digest)
	return nb.Blob, err == nil
}

// receipt finds the receipt of an invocation in the space. That of http/put is
// made by whoever sent the bytes, and waits beside the queue until the service
// has taken it.
func (s *Space) receipt(ctx context.Context, inv cid.Cid) (cid.Cid, []byte, error) {
	link, ok, err := s.link(ctx, cidKey(PrefixReceipt, inv))
	if err != nil {
		return cid.Undef, nil, err
	}
	if !ok {
		r, err := s.putReceipt(ctx, inv)
		if err != nil || r == nil {
			return cid.Undef, nil, nil // not a task of that kind
		}
		if ok, err = s.b.Has(ctx, cidKey(PrefixAttached, r.CID())); err != nil || !ok {
			return cid.Undef, nil, err
		}
		return r.CID(), r.Bytes(), nil
	}
	b, err := s.blockOrNil(ctx, link)
	return link, b, err
}

// putReceipt is the receipt that says the bytes of an http/put task were sent;
// nil for other tasks.
func (s *Space) putReceipt(ctx context.Context, task cid.Cid) (*receipt.Receipt, error) {
	b, err := s.blockOrNil(ctx, task)
	if err != nil || b == nil {
		return nil, err
	}
	n, err := decodeNode(b)
	if err != nil {
		return nil, nil
	}
	digest, err := octetsAt(n, "att", "0", "nb", "body", "digest")
	if err != nil {
		return nil, nil
	}
	key, err := receipt.BlobKey(digest)
	if err != nil {
		return nil, nil
	}
	return issueOk(key, linkOf(task), unit{})
}

func octetsAt(n datamodel.Node, path ...string) ([]byte, error) {
	for _, p := range path {
		var err error
		if n, err = n.LookupBySegment(datamodel.ParsePathSegment(p)); err != nil {
			return nil, err
		}
	}
	return n.AsBytes()
}

// blockOrNil reads a block; nil when it is not here.
func (s *Space) blockOrNil(ctx context.Context, c cid.Cid) ([]byte, error) {
	b, err := s.e.ReadBlock(ctx, c)
	if errors.Is(err, engine.ErrMissing) || errors.Is(err, engine.ErrHash) {
		return nil, nil
	}
	return b, err
}

// AddBlob queues an invocation that asks the service to store a blob.
func (s *Space) AddBlob(ctx context.Context, c *Client, digest mh.Multihash, size uint64) (delegation.Delegation, error) {
	if _, err := checkDigest(digest); err != nil {
		return nil, err
	}
	nb, err := toNode(blobcap.AddCaveats{Blob: types.Blob{Digest: digest, Size: size}})
	if err != nil {
		return nil, err
	}
	inv, err := s.Invocation(ctx, c, blobcap.AddAbility, nb, time.Now().Add(queueFor))
	if err != nil {
		return nil, err
	}
	return inv, s.Queue(ctx, inv)
}

// queueFor is how long an invocation that is queued offline is good.
const queueFor = 90 * 24 * time.Hour

// Deliver sends the bytes of the blobs that the service has given an address
// for, and queues that they were sent; a blob without an address is passed over.
// The next sync has them located.
func (s *Space) Deliver(ctx context.Context, c *Client, from *Blobs, now time.Time) (sent int, err error) {
	for b, err := range s.Blobs(ctx, c.Service, now) {
		if err != nil {
			return sent, err
		}
		if b.State != receipt.Pending || !from.Has(b.Digest, b.Size) {
			continue
		}
		err := s.deliver(ctx, c, from, b)
		if errors.Is(err, ErrNoAddress) {
			continue
		}
		if err != nil {
			return sent, fmt.Errorf("space: deliver %s: %w", formatDigest(b.Digest), err)
		}
		sent++
	}
	return sent, nil
}

func (s *Space) deliver(ctx context.Context, c *Client, from *Blobs, b Blob) error {
	address, put, err := s.address(ctx, c, b)
	if err != nil {
		return err
	}
	if err := c.putBlob(ctx, address, from, b); err != nil {
		return err
	}
	key, err := receipt.BlobKey(b.Digest)
	if err != nil {
		return err
	}
	done, err := issueOk(key, linkOf(put), unit{})
	if err != nil {
		return err
	}
	nb, err := toNode(ucancap.ConcludeCaveats{Receipt: linkOf(done.CID())})
	if err != nil {
		return err
	}
	inv, err := auth.Delegate(c.Agent, c.Service.DID, []auth.Capability{{Can: ucancap.ConcludeAbility, With: c.Agent.DID().String(), Nb: nb}},
		auth.Terms{Expires: auth.Seconds(time.Now().Add(queueFor).Unix()), Nonce: rand.Text()})
	if err != nil {
		return err
	}
	if err := inv.Attach(block.NewBlock(linkOf(done.CID()), done.Bytes())); err != nil {
		return err
	}
	return s.Queue(ctx, inv)
}

// address is where the allocation receipt says that a blob goes, and the
// http/put task for it.
func (s *Space) address(ctx context.Context, c *Client, b Blob) (url string, put cid.Cid, err error) {
	link, _, err := s.link(ctx, BlobKey(b.Digest))
	if err != nil {
		return "", put, err
	}
	block, err := s.e.ReadBlock(ctx, link)
	if err != nil {
		return "", put, err
	}
	add, err := receipt.Read(link, block)
	if err != nil {
		return "", put, err
	}
	forks := add.Forks()
	if len(forks) < 3 {
		return "", put, ErrNoAddress
	}
	at, block, err := s.receipt(ctx, forks[0])
	if err == nil && block == nil { // deleted
		err = ErrNoAddress
	}
	if err != nil {
		return "", put, err
	}
	v, err := c.Service.Verifier()
	if err != nil {
		return "", put, err
	}
	alloc, err := receipt.Verify(at, block, forks[0], v)
	if err != nil {
		return "", put, err
	}
	n := alloc.Ok()
	for _, p := range []string{"address", "url"} {
		if n == nil {
			return "", put, ErrNoAddress
		}
		if n, err = n.LookupByString(p); err != nil {
			return "", put, ErrNoAddress
		}
	}
	url, err = n.AsString()
	return url, forks[1], err
}
