package prolly

import (
	"bytes"
	"context"
)

// MergeStats says what a merge met and did.
type MergeStats struct {
	Theirs    uint64 // keys looked at, because theirs differs from base there
	Taken     uint64 // of these: changed by theirs only
	Same      uint64 // of these: changed by both sides to the same
	Conflicts uint64 // of these: changed by both sides to something else
	Adopted   uint64 // nodes of theirs taken over with all below them, unread
	NodesRead uint64 // nodes asked of the stores, whether a cache had them or not
}

// Merge returns ours with what theirs has changed since base. A key that both
// changed, each to something else, is a conflict: resolve, or Fail when it is
// nil, is called once for it, in the order of the keys. What both changed alike,
// added and removed alike included, is none.
//
// The cost follows what theirs changed; what only ours changed is not read, nor
// are subtrees that only theirs changed and that can be taken over as they are. The memory is bounded
// however much changed and however many conflicts there are. The result is the
// tree that Build makes of the same content; it is written to the store of ours,
// which must be able to read the nodes and blobs of theirs. On error nothing of
// the trees has changed.
func Merge(ctx context.Context, base, ours, theirs Tree, resolve Resolver) (Tree, MergeStats, error) {
	switch base.root.Hash {
	case theirs.root.Hash:
		return ours, MergeStats{}, nil
	case ours.root.Hash:
		return theirs.In(ours.ns), MergeStats{}, nil
	}
	if ours.root.Hash == theirs.root.Hash {
		return ours, MergeStats{}, nil
	}
	if resolve == nil {
		resolve = Fail
	}
	r := &recent{}
	m := merge{ctx: ctx, resolve: resolve, base: base.In(r.over(base.ns))}
	m.ours, m.theirs = ours.In(r.over(ours.ns)), theirs.In(r.over(theirs.ns))
	m.result, m.values = m.ours, newFinder(ctx, m.ours)
	err := m.run()
	if err == nil {
		err = m.flush()
	}
	m.stats.NodesRead = r.reads.Load()
	if err != nil {
		return Tree{}, m.stats, err
	}
	return m.result.In(ours.ns), m.stats, nil
}

// mergePiece is how many edits, and how many bytes of them, are applied at
// once. Tests lower it.
var mergePiece = 2048

const mergePieceBytes = 4 << 20

// merge is a merge under way: what theirs changed becomes edits of ours, which
// are applied piece by piece.
type merge struct {
	ctx                context.Context
	base, ours, theirs Tree
	result             Tree // ours with the pieces so far
	resolve            Resolver
	values             finder // of ours
	stats              MergeStats

	edits  []Edit
	bytes  int
	arena  arena
	beside map[string]struct{} // keys among the edits that a resolver's suffix made
	pastes levelEdits          // nodes of theirs to be taken over, before the edits
}

// run merges from the highest level on that all three trees have below their
// roots.
func (m *merge) run() error {
	level := min(m.base.level, m.ours.level, m.theirs.level) - 1
	if level < 0 {
		return m.entries(Range{})
	}
	return m.span(level, nil, nil)
}

// entries merges what theirs changed within a range, key by key.
func (m *merge) entries(r Range) error {
	for c, err := range Diff(m.ctx, m.base, m.theirs, r) {
		if err != nil {
			return err
		}
		if err := m.change(c); err != nil {
			return err
		}
		if len(m.edits) >= mergePiece || m.bytes >= mergePieceBytes {
			if err := m.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

// change deals with one change of theirs.
func (m *merge) change(c Change) error {
	ours, err := m.values.find(c.Key)
	if err != nil {
		return err
	}
	m.stats.Theirs++
	switch {
	case equalValues(ours, c.From):
		m.stats.Taken++
		m.set(c.Key, c.To)
		return nil
	case equalValues(ours, c.To):
		m.stats.Same++
		return nil
	}
	m.stats.Conflicts++
	r, err := m.resolve(m.ctx, Conflict{Key: c.Key, Base: c.From, Ours: ours, Theirs: c.To})
	if err != nil {
		return err
	}
	if r.Beside != nil {
		key, err := m.free(c.Key, r.Suffix)
		if err != nil {
			return err
		}
		m.set(key, r.Beside)
	}
	if !equalValues(ours, r.Value) {
		m.set(c.Key, r.Value)
	}
	return nil
}

// set makes an edit of copies; a nil value removes the key.
func (m *merge) set(key []byte, v *Value) {
	e := Edit{Key: m.arena.clone(key), Delete: v == nil}
	if v != nil {
		e.Value = *v
		e.Value.Bytes, e.Value.blob = m.arena.clone(v.Bytes), m.arena.clone(v.blob)
		m.bytes += len(v.Bytes) + len(v.blob)
	}
	m.bytes += len(key)
	m.edits = append(m.edits, e)
}

// free returns a key that is nobody's: the key given and the suffix, which
// stands there as often as it takes.
func (m *merge) free(key, suffix []byte) ([]byte, error) {
	if len(suffix) == 0 {
		return nil, ErrKeyEmpty
	}
	for key = bytes.Clone(key); ; {
		key = append(key, suffix...)
		if err := checkKey(key); err != nil {
			return nil, err
		}
		taken, err := m.taken(key)
		if err != nil {
			return nil, err
		}
		if !taken {
			break
		}
	}
	if m.beside == nil {
		m.beside = map[string]struct{}{}
	}
	m.beside[string(key)] = struct{}{}
	return key, nil
}

func (m *merge) taken(key []byte) (bool, error) {
	if _, ok := m.beside[string(key)]; ok {
		return true, nil
	}
	for _, t := range []Tree{m.ours, m.theirs, m.result} {
		if ok, err := t.Has(m.ctx, key); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// flush applies all that waits.
func (m *merge) flush() error {
	if err := m.applyPastes(); err != nil {
		return err
	}
	if len(m.edits) == 0 {
		return nil
	}
	t, err := m.result.Apply(m.ctx, m.edits)
	if err != nil {
		return err
	}
	m.result = t
	clear(m.edits)
	clear(m.beside)
	m.edits, m.bytes, m.arena = m.edits[:0], 0, arena{}
	return nil
}
