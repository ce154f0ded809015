package space

import (
	"context"
	"errors"
	"fmt"
	"strings"

	mh "github.com/multiformats/go-multihash"
	"github.com/storacha/go-ucanto/did"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// The bytes of a blob are kept as long as a space has it allocated, whatever
// clients do to their entries. Which spaces may have is noted in the service's own
// side tree:
//
//	hold/<multihash>/<space>  the space has allocated the blob, or was about to
//	drop/<multihash>/<space>  the space has given it up, or was about to: whether
//	                          anyone holds it is to be looked at
//	holds                     all spaces were asked for their allocations once
//
// What counts is the allocation; the notes say where to look. They are made before
// what they are about, and go after it, so that a crash leaves one too many:
//
//	allocate  hold noted ─► allocation
//	remove    drop noted ─► allocation gone ─► durable ─► nobody has it: file removed,
//	          durably ─► notes gone
//
// Digests are locked from an allocation until it stands, while bytes are made to
// be found, and while a file is removed.
const (
	sideHold  = "hold/"
	sideDrop  = "drop/"
	sideHolds = "holds"
)

func note(prefix string, d mh.Multihash, space did.DID) string {
	return prefix + formatDigest(d) + "/" + space.String()
}

func putNote(key string) prolly.Edit {
	return prolly.Edit{Key: []byte(key), Value: prolly.Value{Bytes: []byte("1")}}
}

// parseNote is the inverse of note.
func parseNote(prefix string, key []byte) (mh.Multihash, did.DID, error) {
	digest, space, ok := strings.Cut(strings.TrimPrefix(string(key), prefix), "/")
	d, err := ParseDigest(digest)
	if err == nil && !ok {
		err = ErrMalformed
	}
	var id did.DID
	if err == nil {
		id, err = did.Parse(space)
	}
	if err != nil {
		return nil, id, fmt.Errorf("space: note %q: %w", key, err)
	}
	return d, id, nil
}

// allocated reads what a space has allocated for a blob; false when nothing.
func (s *Service) allocated(ctx context.Context, space did.DID, d mh.Multihash) (a allocation, found bool, err error) {
	if !isSpace(space) {
		return a, false, nil
	}
	b, err := s.e.Lookup(ctx, BranchName(space))
	if errors.Is(err, engine.ErrNoBranch) {
		return a, false, nil
	}
	if err == nil {
		err = side(ctx, b, func(r *engine.Root) (err error) {
			found, err = getJSON(ctx, r, allocKey(d), &a)
			return err
		})
	}
	return a, found, err
}

// drop removes the bytes of a blob that a space has given up, if no space has it
// allocated. It is called when the removal stands.
func (s *Service) drop(ctx context.Context, d mh.Multihash, space did.DID) error {
	// The allocation must not come back when its bytes have gone.
	if err := s.e.Sync(ctx); err != nil {
		return err
	}
	unlock, err := s.digests.lock(ctx, string(d))
	if err != nil {
		return err
	}
	defer unlock()
	edits := []prolly.Edit{remove(note(sideDrop, d, space))}
	_, own, err := s.allocated(ctx, space, d)
	if err != nil {
		return err
	}
	if !own {
		edits = append(edits, remove(note(sideHold, d, space)))
	}
	held := own
	if !held {
		dead, used, err := s.holders(ctx, d)
		if err != nil {
			return err
		}
		held, edits = used, append(edits, dead...)
	}
	if !held {
		if err := s.o.Blobs.Remove(d); err != nil {
			return err
		}
		s.n.dropped.Add(1)
	}
	return s.own.Update(ctx, func(u *engine.Update) error { return u.Side().Apply(ctx, edits) }, engine.NoSync)
}

// holders tells whether a space has the blob allocated, and returns what removes
// the notes of those that it found not to.
func (s *Service) holders(ctx context.Context, d mh.Multihash) (dead []prolly.Edit, used bool, err error) {
	q := prolly.Range{Prefix: []byte(sideHold + formatDigest(d) + "/"), Limit: maxPage}
	for {
		keys, err := s.ownKeys(ctx, q)
		if err != nil {
			return nil, false, err
		}
		for _, key := range keys {
			_, space, err := parseNote(sideHold, key)
			if err != nil {
				return nil, false, err
			}
			if _, used, err = s.allocated(ctx, space, d); used || err != nil {
				return dead, used, err
			}
			dead = append(dead, remove(string(key)))
		}
		if len(keys) < maxPage {
			return dead, false, nil
		}
		q.From = append(keys[len(keys)-1], 0)
	}
}

// ownKeys reads keys of the service's own side tree.
func (s *Service) ownKeys(ctx context.Context, q prolly.Range) (keys [][]byte, err error) {
	err = side(ctx, s.own, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, q) {
			if err != nil {
				return err
			}
			keys = append(keys, []byte(string(e.Key)))
		}
		return nil
	})
	return keys, err
}

// finishDrops does what a crash, or an error, has left undone. A note belongs to
// whoever runs an invocation of its space until that stands.
func (s *Service) finishDrops(ctx context.Context) error {
	q := prolly.Range{Prefix: []byte(sideDrop), Limit: maxPage}
	for {
		keys, err := s.ownKeys(ctx, q)
		if err != nil {
			return err
		}
		for _, key := range keys {
			d, space, err := parseNote(sideDrop, key)
			if err == nil {
				err = s.finishDrop(ctx, d, space)
			}
			if err != nil {
				return err
			}
		}
		if len(keys) < maxPage {
			return nil
		}
	}
}

func (s *Service) finishDrop(ctx context.Context, d mh.Multihash, space did.DID) error {
	unlock, err := s.running.lock(ctx, BranchName(space))
	if err != nil {
		return err
	}
	defer unlock()
	return s.drop(ctx, d, space)
}

// noteHolds notes the allocations of a store that has none of the notes yet.
func (s *Service) noteHolds(ctx context.Context, spaces []did.DID) error {
	done, err := s.ownKeys(ctx, prolly.Range{From: []byte(sideHolds), To: []byte(sideHolds + "\x00")})
	if err != nil || len(done) > 0 {
		return err
	}
	write := func(edits []prolly.Edit) error {
		return s.own.Update(ctx, func(u *engine.Update) error { return u.Side().Apply(ctx, edits) }, engine.NoSync)
	}
	for _, space := range spaces {
		edits, err := s.holdsOf(ctx, space)
		if err == nil {
			err = write(edits)
		}
		if err != nil {
			return err
		}
	}
	return write([]prolly.Edit{putNote(sideHolds)})
}

func (s *Service) holdsOf(ctx context.Context, space did.DID) (edits []prolly.Edit, err error) {
	b, err := s.e.Lookup(ctx, BranchName(space))
	if err != nil {
		return nil, err
	}
	err = side(ctx, b, func(r *engine.Root) error {
		for e, err := range r.Range(ctx, prolly.Range{Prefix: []byte(sideAlloc)}) {
			if err != nil {
				return err
			}
			d, err := ParseDigest(strings.TrimPrefix(string(e.Key), sideAlloc))
			if err != nil {
				return err
			}
			edits = append(edits, putNote(note(sideHold, d, space)))
		}
		return nil
	})
	return edits, err
}
