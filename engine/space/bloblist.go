package space

import (
	"context"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"
	blobcap "github.com/storacha/go-libstoracha/capabilities/space/blob"
	"github.com/storacha/go-libstoracha/capabilities/types"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// maxPage is how many items a list has at most.
const maxPage = 1000

func pageOf(size *uint64) int {
	if size == nil || *size == 0 || *size > maxPage {
		return maxPage
	}
	return int(*size)
}

// blobList lists what is allocated in a space, by digest.
func (s *Service) blobList(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(blobcap.ListCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	ok := blobcap.ListOk{Results: []blobcap.ListBlobItem{}}
	q := prolly.Range{Prefix: []byte(sideAlloc), Limit: pageOf(nb.Size)}
	if nb.Cursor != nil {
		q.From = []byte(sideAlloc + *nb.Cursor + "\x00")
	}
	err = side(ctx, j.home, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, q) {
			if err != nil {
				return err
			}
			item, err := blobItem(ctx, r, strings.TrimPrefix(string(e.Key), sideAlloc))
			if err != nil {
				return err
			}
			ok.Results = append(ok.Results, item)
		}
		return nil
	})
	if n := len(ok.Results); n > 0 {
		first, last := formatDigest(ok.Results[0].Blob.Digest), formatDigest(ok.Results[n-1].Blob.Digest)
		ok.Before, ok.After, ok.Size = &first, &last, uint64(n)
		if n == q.Limit {
			ok.Cursor = &last
		}
	}
	return &outcome{ok: ok}, err
}

// blobItem is an allocation as clients see it; engine.ErrNotFound.
func blobItem(ctx context.Context, r *engine.Root, digest string) (item blobcap.ListBlobItem, err error) {
	var a allocation
	found, err := getJSON(ctx, r, sideAlloc+digest, &a)
	if err == nil && !found {
		err = engine.ErrNotFound
	}
	if err != nil {
		return item, err
	}
	d, err := ParseDigest(digest)
	if err != nil {
		return item, err
	}
	cause, err := cid.Decode(a.Cause)
	return blobcap.ListBlobItem{
		Blob: types.Blob{Digest: d, Size: a.Size}, Cause: linkOf(cause), InsertedAt: time.UnixMilli(a.Since).UTC(),
	}, err
}

// blobGet tells of one blob.
func (s *Service) blobGet(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(blobcap.GetCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	var item blobcap.ListBlobItem
	found, err := s.withAllocation(ctx, j, nb.Digest, func(r *engine.Root, d mh.Multihash, _ allocation) error {
		item, err = blobItem(ctx, r, formatDigest(d))
		return err
	})
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, denied("BlobNotFound", "the space has no such blob")
	}
	return &outcome{ok: blobcap.GetOk{Blob: item.Blob, Cause: item.Cause, InsertedAt: item.InsertedAt}}, nil
}

// withAllocation calls f with the allocation of a blob; false when there is
// none.
func (s *Service) withAllocation(ctx context.Context, j *job, digest mh.Multihash, f func(*engine.Root, mh.Multihash, allocation) error) (found bool, err error) {
	d, err := checkDigest(digest)
	if err != nil {
		return false, denied(auth.InvocationCapability, "%v", err)
	}
	err = side(ctx, j.home, func(r *engine.Root) error {
		var a allocation
		if found, err = getJSON(ctx, r, allocKey(d), &a); err != nil || !found {
			return err
		}
		return f(r, d, a)
	})
	return found, err
}

// blobRemove gives back the room of a blob. What is not there takes none.
func (s *Service) blobRemove(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(blobcap.RemoveCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	space, err := did.Parse(j.cap.With)
	if err != nil {
		return nil, denied(auth.InvocationCapability, "with: %v", err)
	}
	out, ok := &outcome{}, blobcap.RemoveOk{}
	_, err = s.withAllocation(ctx, j, nb.Digest, func(r *engine.Root, d mh.Multihash, a allocation) error {
		used, err := getUsage(ctx, r)
		if err != nil {
			return err
		}
		ok.Size = a.Size
		out.side = append(out.side, remove(allocKey(d)), remove(sideBlob+formatDigest(d)), putUsage(used-min(used, a.Size)))
		out.tree = append(out.tree, remove(string(BlobKey(d))))
		out.own = append(out.own, putNote(note(sideDrop, d, space)))
		out.after = func() {
			if err := s.drop(context.WithoutCancel(ctx), d, space); err != nil {
				s.log.Error("bytes of a removed blob stay until the next collection", "blob", formatDigest(d), "err", err)
			}
		}
		return nil
	})
	out.ok = ok
	return out, err
}
