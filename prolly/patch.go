package prolly

import (
	"context"
	"fmt"
	"iter"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Patch is a difference as a value: changes by ascending key, each with what
// the key had before and has after. It is the block of FORMAT.md, section 7:
// what is stored or sent is Block, and ParsePatch reads it again. The bytes of
// values out of line are not part of it. A Patch is immutable; copy it
// freely. The zero Patch changes nothing.
type Patch struct{ p codec.Patch }

// ParsePatch checks the block of a patch, which it keeps and which must not change
// afterwards. The error wraps ErrCorrupt and a codec.DecodeError.
func ParsePatch(block []byte) (Patch, error) {
	p, err := codec.ParsePatch(block)
	if err != nil {
		return Patch{}, fmt.Errorf("%w: patch: %w", ErrCorrupt, err)
	}
	return Patch{p}, nil
}

// NewPatch returns what changed from one tree to another within a range.
// ErrTooLarge when it does not fit in one patch: see Patches.
func NewPatch(ctx context.Context, from, to Tree, r Range) (Patch, error) {
	first, err := Patch{}, error(nil)
	n := 0
	for p, e := range Patches(ctx, from, to, r) {
		if first, err = p, e; err != nil {
			return Patch{}, err
		}
		if n++; n > 1 {
			return Patch{}, fmt.Errorf("%w: a patch has at most %d bytes", ErrTooLarge, codec.MaxPatch)
		}
	}
	return first, nil
}

// Patches yields what changed from one tree to another within a range in as
// many patches as it takes, each of keys above those of the one before; none
// when nothing changed. An error is the last thing yielded.
func Patches(ctx context.Context, from, to Tree, r Range) iter.Seq2[Patch, error] {
	return func(yield func(Patch, error) bool) {
		var b patchBuilder
		for c, err := range Diff(ctx, from, to, r) {
			if err != nil {
				yield(Patch{}, err)
				return
			}
			if !b.fits(c) {
				if p, err := b.finish(); !yield(p, err) || err != nil {
					return
				}
			}
			b.add()
		}
		if b.n > 0 {
			yield(b.finish())
		}
	}
}

// patchBuilder gathers the changes of a patch.
type patchBuilder struct {
	body []byte
	next []byte // the change to add, encoded
	n    int
}

// fits encodes a change and tells whether the patch has room for it.
func (b *patchBuilder) fits(c Change) bool {
	x := codec.PatchChange{Key: c.Key, Old: patchValue(c.From), New: patchValue(c.To)}
	b.next = codec.AppendPatchChange(b.next[:0], &x)
	return len(b.body)+len(b.next)+codec.PatchOverhead <= codec.MaxPatch
}

// add adds the change that was encoded.
func (b *patchBuilder) add() {
	b.body = append(b.body, b.next...)
	b.n++
}

func (b *patchBuilder) finish() (Patch, error) {
	block := codec.AppendPatch(make([]byte, 0, len(b.body)+codec.PatchOverhead), b.n, b.body)
	b.body, b.n = b.body[:0], 0
	return ParsePatch(block)
}

// patchValue brings the value of a stored tree into a patch's terms.
func patchValue(v *Value) codec.PatchValue {
	if v == nil {
		return codec.PatchValue{None: true}
	}
	switch k := v.Kind(); k {
	case codec.Inline:
		return codec.PatchValue{Value: v.Bytes}
	case codec.Blob:
		return codec.PatchValue{Kind: k, Size: v.Size, Link: v.blob}
	default:
		return codec.PatchValue{Kind: k, Link: v.Link.Bytes()}
	}
}

// treeValue is the way back; nil for none.
func treeValue(v codec.PatchValue) (*Value, error) {
	switch {
	case v.None:
		return nil, nil
	case v.Kind == codec.Inline:
		return &Value{Bytes: v.Value, Size: uint64(len(v.Value))}, nil
	case v.Kind == codec.Blob:
		return &Value{Size: v.Size, blob: v.Link}, nil
	}
	_, c, err := cid.CidFromBytes(v.Link)
	if err != nil {
		return nil, fmt.Errorf("%w: link in a patch: %w", ErrCorrupt, err)
	}
	return &Value{Link: c, Size: uint64(len(v.Link))}, nil
}

// Len returns the number of changes.
func (p Patch) Len() int { return p.p.Len() }

// Block returns the patch as a block of dag-cbor. The caller must not change
// it.
func (p Patch) Block() []byte {
	if p.p.Block() == nil {
		return codec.AppendPatch(nil, 0, nil)
	}
	return p.p.Block()
}

// CID names the patch's block.
func (p Patch) CID() cid.Cid { return codec.Sum(p.Block()).CID() }

// Changes yields the changes by ascending key. Their bytes are the patch's.
func (p Patch) Changes() iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		for x := range p.p.Changes() {
			from, err := treeValue(x.Old)
			to, err2 := treeValue(x.New)
			if err == nil {
				err = err2
			}
			if !yield(Change{Key: x.Key, From: from, To: to}, err) || err != nil {
				return
			}
		}
	}
}

// Invert returns the patch that takes this one back.
func (p Patch) Invert() Patch {
	body := make([]byte, 0, len(p.Block()))
	for x := range p.p.Changes() {
		x.Old, x.New = x.New, x.Old
		body = codec.AppendPatchChange(body, &x)
	}
	inverse, err := codec.ParsePatch(codec.AppendPatch(nil, p.Len(), body))
	if err != nil {
		panic("prolly: the inverse of a patch must be one: " + err.Error()) // same lengths, same rules
	}
	return Patch{inverse}
}

// Apply returns the tree with the patch's changes made. A key that has another
// value than before the change is a ConflictError, also when it is the one after.
// Applied to the tree that it was made from, the patch of a whole difference
// gives the other tree, with its very root. Blocks of values out of line must be
// in the tree's store: ErrMissing when the root block of one is not.
func (p Patch) Apply(ctx context.Context, t Tree) (Tree, error) {
	values := newFinder(ctx, t)
	edits := make([]Edit, 0, p.Len())
	for c, err := range p.Changes() {
		if err != nil {
			return Tree{}, err
		}
		now, err := values.find(c.Key)
		switch {
		case err != nil:
			return Tree{}, err
		case !equalValues(now, c.From):
			return Tree{}, &ConflictError{Key: append([]byte{}, c.Key...)}
		case c.To == nil:
			edits = append(edits, Edit{Key: c.Key, Delete: true})
			continue
		}
		if err := haveBlob(ctx, t.ns, c.To); err != nil {
			return Tree{}, fmt.Errorf("prolly: patch of key %q: %w", clip(c.Key), err)
		}
		edits = append(edits, Edit{Key: c.Key, Value: *c.To})
	}
	if len(edits) == 0 {
		return t, nil
	}
	return t.Apply(ctx, edits)
}

// haveBlob looks for the root block of a value out of line.
func haveBlob(ctx context.Context, ns NodeStore, v *Value) error {
	if v.Kind() != codec.Blob {
		return nil
	}
	r, err := ns.ReadBlob(ctx, v.Blob())
	if err != nil {
		return err
	}
	return r.Close()
}
