package engine

import (
	"context"
	"math"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// ownWrites are the edits of a transaction or an update that are not staged
// yet, in memory whole: values that will stand out of line too.
type ownWrites struct {
	over *overlay // nil: none yet
	seq  uint64   // of the last edit
}

// add remembers an edit.
func (w *ownWrites) add(e prolly.Edit) error {
	if err := prolly.CheckEdit(e); err != nil {
		return err
	}
	if w.over == nil {
		w.over = newOverlay(nil, new(arena[byte]))
	}
	kind, data := opDelete, []byte(nil)
	if !e.Delete {
		kind, data = stagedForm(e.Value)
	}
	w.seq++
	return w.over.add(e.Key, w.seq, kind, data)
}

// stagedForm is how a value stands in an overlay.
func stagedForm(v prolly.Value) (opKind, []byte) {
	switch v.Kind() {
	case codec.Link:
		return opLink, v.Link.Bytes()
	case codec.Blob:
		return opBlob, joinBlob(nil, v.Size, v.Blob())
	}
	return opInline, v.Bytes
}

// has tells whether key was edited.
func (w *ownWrites) has(key []byte) bool {
	if w.over == nil {
		return false
	}
	_, ok := w.over.get(key, w.seq)
	return ok
}

// addOwn prepares what was edited, each key once.
func (p *preparation) addOwn(ctx context.Context, root rootID, w *ownWrites) error {
	if w.over == nil {
		return nil
	}
	c := overlayCursor{walk: walk{o: w.over}, seq: math.MaxUint64}
	for c.first(); c.e != 0; c.next() {
		e := prolly.Edit{Key: c.key, Delete: c.ver.kind == opDelete}
		if !e.Delete {
			var err error
			if e.Value, err = c.ver.kind.value(c.ver.data); err != nil {
				return err
			}
		}
		o, err := p.op(ctx, &e, cid.Undef)
		if err != nil {
			return err
		}
		o.root = root
		p.ops = append(p.ops, o)
	}
	return nil
}
