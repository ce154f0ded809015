package engine

import (
	"context"
	"errors"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// The record of a tag is │ version 1 │ CID │ CRC-32C 4 LE │.

func encodeTag(c cid.Cid) []byte {
	return appendCRC(append([]byte{refV1}, c.Bytes()...))
}

func parseTag(b []byte) (cid.Cid, error) {
	body, err := openRef(b)
	if err != nil {
		return cid.Undef, err
	}
	c, err := castCID(body[1:])
	if err != nil {
		return cid.Undef, fmt.Errorf("%w: tag record: %w", ErrCorrupt, err)
	}
	return c, nil
}

// TagInfo is a tag as Tags lists it.
type TagInfo struct {
	Name string
	CID  cid.Cid
}

// Tag names a commit or root c, which is kept as long as the tag stands. A tag
// that exists is moved. Names are those of branches. ErrMissing when c is not
// here.
func (e *Engine) Tag(ctx context.Context, name string, c cid.Cid) error {
	if err := checkName(name); err != nil {
		return err
	}
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	t, err := e.target(ctx, c)
	if err != nil {
		return err
	}
	if err := e.bringBack(ctx, lateRoot{tree: t.tree.Addr(), commit: t.commit}); err != nil {
		return err
	}
	release, err := e.hold(ctx, t.tree)
	if err != nil {
		return err
	}
	defer release()
	return e.moveTag(ctx, name, encodeTag(c))
}

// moveTag sets a tag's record, whatever it is now; nil removes it.
func (e *Engine) moveTag(ctx context.Context, name string, next []byte) error {
	for {
		old, err := e.readRef(ctx, tagPrefix+name)
		if err != nil {
			return err
		}
		if old == nil && next == nil {
			return fmt.Errorf("%w: %q", ErrNoTag, name)
		}
		if err := e.swapRef(ctx, tagPrefix+name, old, next); !errors.Is(err, kv.ErrConflict) {
			return err
		}
	}
}

// Tags lists the tags by name.
func (e *Engine) Tags(ctx context.Context) ([]TagInfo, error) {
	if err := e.ready(ctx); err != nil {
		return nil, err
	}
	var list []TagInfo
	for ref, err := range e.store.ListRefs(ctx, tagPrefix) {
		if err != nil {
			return nil, storeError("list refs", err)
		}
		name := ref.Name[len(tagPrefix):]
		c, err := parseTag(ref.Value)
		if err != nil {
			return nil, fmt.Errorf("engine: tag %q: %w", name, err)
		}
		list = append(list, TagInfo{Name: name, CID: c})
	}
	return list, nil
}

// DeleteTag removes a tag; ErrNoTag when there is none.
func (e *Engine) DeleteTag(ctx context.Context, name string) error {
	if err := checkName(name); err != nil {
		return err
	}
	inside, err := e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	return e.moveTag(ctx, name, nil)
}

func (e *Engine) readTag(ctx context.Context, name string) (cid.Cid, error) {
	raw, err := e.readRef(ctx, tagPrefix+name)
	if err != nil {
		return cid.Undef, err
	}
	if raw == nil {
		return cid.Undef, fmt.Errorf("%w: %q", ErrNoTag, name)
	}
	c, err := parseTag(raw)
	if err != nil {
		return cid.Undef, fmt.Errorf("engine: tag %q: %w", name, err)
	}
	return c, nil
}
