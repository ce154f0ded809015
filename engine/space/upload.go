package space

import (
	"context"
	"slices"
	"strings"
	"time"

	cid "github.com/ipfs/go-cid"
	uploadcap "github.com/storacha/go-libstoracha/capabilities/upload"
	"github.com/storacha/go-ucanto/core/ipld"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/engine/auth"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// sideUploaded, in the side tree of a space, is followed by the root CID of an
// upload; the value is a record of it.
const sideUploaded = "uploaded/"

// upload is content made of blobs, under its root.
type upload struct {
	Shards  []string `json:"shards"`
	Since   int64    `json:"since"` // Unix milliseconds
	Updated int64    `json:"updated"`
}

// Bounds on an upload, so that it goes into a receipt, and its root into a key.
const (
	maxUpload = 96 << 10
	maxRoot   = 256
)

// size is about how many bytes the shards' names take.
func (u upload) size() (n int) {
	for _, s := range u.Shards {
		n += len(s)
	}
	return n
}

func (u upload) links() (out []ipld.Link) {
	for _, s := range u.Shards {
		if c, err := cid.Decode(s); err == nil {
			out = append(out, linkOf(c))
		}
	}
	return out
}

// getUpload reads the record of an upload; false when there is none.
func (s *Service) getUpload(ctx context.Context, j *job, root ipld.Link) (u upload, found bool, err error) {
	err = side(ctx, j.home, func(r *engine.Root) error {
		found, err = getJSON(ctx, r, sideUploaded+root.String(), &u)
		return err
	})
	return u, found, err
}

// uploadAdd notes an upload, or further shards of it.
func (s *Service) uploadAdd(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(uploadcap.AddCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	u, found, err := s.getUpload(ctx, j, nb.Root)
	if err != nil {
		return nil, err
	}
	u.Updated = s.o.Now().UnixMilli()
	if !found {
		u.Since = u.Updated
	}
	for _, l := range nb.Shards {
		if !slices.Contains(u.Shards, l.String()) {
			u.Shards = append(u.Shards, l.String())
		}
	}
	root := nb.Root.String()
	if len(u.Shards) > maxPage || u.size() > maxUpload || len(root) > maxRoot {
		return nil, denied(auth.InvocationCapability, "an upload may have %d shards, with names of %d bytes in all, and a root's of %d", maxPage, maxUpload, maxRoot)
	}
	out := &outcome{ok: uploadcap.AddOk{Root: nb.Root, Shards: u.links()}}
	out.side = []prolly.Edit{putJSON(sideUploaded+root, u)}
	out.blob = func(receipt cid.Cid) {
		out.side = append(out.side, putLink(sideUpload+root, receipt))
		out.tree = append(out.tree, putLink(PrefixUpload+root, receipt))
	}
	return out, nil
}

// uploadGet tells of one upload.
func (s *Service) uploadGet(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(uploadcap.GetCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	u, found, err := s.getUpload(ctx, j, nb.Root)
	if err != nil {
		return nil, err
	}
	if !found {
		return nil, denied("UploadNotFound", "the space has no such upload")
	}
	return &outcome{ok: uploadcap.GetOk{
		Root: nb.Root, Shards: u.links(), InsertedAt: time.UnixMilli(u.Since).UTC(), UpdatedAt: time.UnixMilli(u.Updated).UTC(),
	}}, nil
}

// uploadList lists the uploads of a space, by root.
func (s *Service) uploadList(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(uploadcap.ListCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	ok := uploadcap.ListOk{Results: []uploadcap.ListItem{}}
	q := prolly.Range{Prefix: []byte(sideUploaded), Limit: pageOf(nb.Size)}
	if nb.Cursor != nil {
		q.From = []byte(sideUploaded + *nb.Cursor + "\x00")
	}
	size, cut := 0, false
	err = side(ctx, j.home, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, q) {
			if err != nil {
				return err
			}
			var u upload
			if _, err := getJSON(ctx, r, string(e.Key), &u); err != nil {
				return err
			}
			size += len(e.Key) + u.size() + 128
			if cut = size > maxClaim; cut { // the list stands in one block
				return nil
			}
			root, err := cid.Decode(strings.TrimPrefix(string(e.Key), sideUploaded))
			if err != nil {
				return err
			}
			ok.Results = append(ok.Results, uploadcap.ListItem{
				Root: linkOf(root), Shards: u.links(), InsertedAt: time.UnixMilli(u.Since).UTC(), UpdatedAt: time.UnixMilli(u.Updated).UTC(),
			})
		}
		return nil
	})
	if n := len(ok.Results); n > 0 {
		first, last := ok.Results[0].Root.String(), ok.Results[n-1].Root.String()
		ok.Before, ok.After, ok.Size = &first, &last, uint64(n)
		if cut || n == q.Limit {
			ok.Cursor = &last
		}
	}
	return &outcome{ok: ok}, err
}

// uploadRemove forgets an upload; its blobs stay.
func (s *Service) uploadRemove(ctx context.Context, j *job) (*outcome, error) {
	nb, err := caveats(uploadcap.RemoveCaveatsReader, j.cap.Nb)
	if err != nil {
		return nil, err
	}
	u, found, err := s.getUpload(ctx, j, nb.Root)
	out := &outcome{ok: uploadcap.RemoveOk{Root: nb.Root, Shards: u.links()}}
	if found {
		root := nb.Root.String()
		out.side = []prolly.Edit{remove(sideUploaded + root), remove(sideUpload + root)}
		out.tree = []prolly.Edit{remove(PrefixUpload + root)}
	}
	return out, err
}
