package space

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"
	"slices"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// merged is what the service makes of a client's changes.
type merged struct {
	edits     map[string]prolly.Edit
	order     []string      // keys of edits
	index     []prolly.Edit // of the side tree
	refused   []wireRefusal
	conflicts []wireConflict
	room      int // bytes of values that conflicts may still have
}

// sortEntries orders entries by key.
func sortEntries(list []prolly.Entry) {
	slices.SortFunc(list, func(a, b prolly.Entry) int { return bytes.Compare(a.Key, b.Key) })
}

func (m *merged) add(e prolly.Edit) {
	if m.edits == nil {
		m.edits = map[string]prolly.Edit{}
	}
	if _, ok := m.edits[string(e.Key)]; !ok {
		m.order = append(m.order, string(e.Key))
	}
	m.edits[string(e.Key)] = e
}

// list returns the edits that change something of tree.
func (m *merged) list(ctx context.Context, tree lookup) ([]prolly.Edit, error) {
	var out []prolly.Edit
	for _, k := range m.order {
		e := m.edits[k]
		v, err := valueAt(ctx, tree, e.Key)
		if err != nil {
			return nil, err
		}
		if e.Delete && v == nil || !e.Delete && v != nil && sameValue(*v, e.Value) {
			continue
		}
		out = append(out, e)
	}
	return out, nil
}

// lookup is what a tree, and a root of an update, answer.
type lookup interface {
	Lookup(ctx context.Context, key []byte) (prolly.Entry, error)
}

// valueAt reads an entry; nil when there is none.
func valueAt(ctx context.Context, t lookup, key []byte) (*prolly.Value, error) {
	e, err := t.Lookup(ctx, key)
	if errors.Is(err, engine.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	v := e.Value.Clone()
	return &v, nil
}

// sameValue compares values by what they are, wherever their bytes stand.
func sameValue(a, b prolly.Value) bool {
	if a.Link.Defined() || b.Link.Defined() {
		return a.Link.Equals(b.Link)
	}
	if a.Blob().Defined() && b.Blob().Defined() {
		return a.Blob() == b.Blob()
	}
	return a.Blob().Defined() == b.Blob().Defined() && bytes.Equal(a.Bytes, b.Bytes)
}

func same(a, b *prolly.Value) bool {
	if a == nil || b == nil {
		return a == b
	}
	return sameValue(*a, *b)
}

// merge works out, key by key, what the changes from base to theirs do to ours.
// Where both changed a key, ours stays. What only the service may change is put
// before the gate (S3).
func merge(ctx context.Context, ns prolly.NodeStore, base, ours, theirs prolly.Tree, changes []wireChange, index *engine.Root) (*merged, error) {
	m := &merged{room: maxConflicts}
	for _, c := range changes {
		was, err := valueAt(ctx, base, c.Key)
		if err != nil {
			return nil, err
		}
		mine, err := valueAt(ctx, ours, c.Key)
		if err != nil {
			return nil, err
		}
		yours, err := valueAt(ctx, theirs, c.Key)
		if err != nil {
			return nil, err
		}
		switch {
		case same(mine, yours), same(was, yours):
		case isUpheld(c.Key) && yours != nil:
			err = m.gate(ctx, c.Key, *yours, mine, index)
		case same(was, mine):
			m.add(c.edit())
		default:
			err = m.conflict(ctx, ns, c, was, mine)
		}
		if err != nil {
			return nil, err
		}
	}
	return m, nil
}

func (m *merged) conflict(ctx context.Context, ns prolly.NodeStore, c wireChange, was, mine *prolly.Value) error {
	b, err := toWire(ctx, ns, was)
	if err != nil {
		return err
	}
	o, err := toWire(ctx, ns, mine)
	if m.room -= b.size() + o.size(); err == nil && m.room < 0 && len(m.conflicts) > 0 {
		err = fmt.Errorf("%w: more than %d bytes of values in conflict", ErrTooLarge, maxConflicts)
	}
	m.conflicts = append(m.conflicts, wireConflict{Key: c.Key, Base: b, Ours: o, Theirs: c.To})
	return err
}

// gate lets an entry stand only if it is the one that the service knows of.
// Otherwise what the service knows takes its place, or nothing.
func (m *merged) gate(ctx context.Context, key []byte, yours prolly.Value, mine *prolly.Value, index *engine.Root) error {
	c, err := known(ctx, index, string(key))
	if err != nil {
		return err
	}
	if c.Defined() && yours.Link.Equals(c) {
		m.add(prolly.Edit{Key: key, Value: yours})
		return nil
	}
	reason := "not issued by this service for this space and key"
	if c.Defined() {
		reason = "another one stands here: restored"
		m.add(putLink(string(key), c))
	} else if mine != nil {
		m.add(prolly.Edit{Key: key, Delete: true})
	}
	m.refused = append(m.refused, wireRefusal{Key: key, Reason: reason})
	return nil
}

// missing lists the linked blocks of changes that are neither in have nor
// stored, each once.
func missing(ctx context.Context, e *engine.Engine, changes []wireChange, have map[cid.Cid][]byte) ([]cid.Cid, error) {
	var out []cid.Cid
	for l := range links(changes, have) {
		have, err := e.HasBlock(ctx, l) // one that is there may be large
		if err == nil && !have {
			_, err = e.ReadBlock(ctx, l)
		}
		if errors.Is(err, engine.ErrMissing) {
			out = append(out, l)
		} else if err != nil && !errors.Is(err, engine.ErrHash) {
			return nil, err
		}
	}
	return out, nil
}

// links yields the blocks that changes link to and that are not in have, each
// once.
func links(changes []wireChange, have map[cid.Cid][]byte) iter.Seq[cid.Cid] {
	return func(yield func(cid.Cid) bool) {
		seen := map[cid.Cid]bool{}
		for _, c := range changes {
			if c.To.Link == nil || seen[*c.To.Link] {
				continue
			}
			l := *c.To.Link
			seen[l] = true
			if _, ok := have[l]; !ok && !yield(l) {
				return
			}
		}
	}
}
