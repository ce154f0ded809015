package prolly

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// TestPatchAgainstModel makes patches of random differences, all and ranges,
// sends them as bytes, applies and inverts them.
func TestPatchAgainstModel(t *testing.T) {
	rounds := 60
	if testing.Short() {
		rounds = 15
	}
	for seed := range rounds {
		for _, shape := range shapes {
			s := newSource(t, uint64(seed)<<8|uint64(len(shape)))
			ns := NewMemStore()
			space := []int{3, 40, 600}[s.IntN(3)]
			from := randomModel(s, shape, space/2)
			to := maps.Clone(from)
			to.apply(s.edits(shape, space, s.IntN(space)))
			a, b := mustBuild(t, ns, from), mustBuild(t, ns, to)
			p := mustPatch(t, a, b, Range{})
			if got := applyPatch(t, p, a); got.Root() != b.Root() {
				t.Fatalf("%s: applied to its base it gives %v, not %v", shape, got.Root(), b.Root())
			}
			if got := applyPatch(t, p.Invert(), b); got.Root() != a.Root() || p.Invert().Invert().CID() != p.CID() {
				t.Fatalf("%s: inverted it gives %v, not %v", shape, got.Root(), a.Root())
			}
			r := s.span(shape, space)
			r.Reverse = false
			part := mustPatch(t, a, b, r)
			if want := len(changed(t, a, from, to, r)); part.Len() != want {
				t.Fatalf("%s: %d changes in %+v, want %d", shape, part.Len(), r, want)
			}
			for c, err := range part.Changes() {
				if err != nil {
					t.Fatal(err)
				}
				checkChange(t, a, c, from, to)
			}
		}
	}
}

func mustPatch(t testing.TB, a, b Tree, r Range) Patch {
	t.Helper()
	p, err := NewPatch(ctx, a, b, r)
	if err == nil {
		p, err = ParsePatch(bytes.Clone(p.Block()))
	}
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func applyPatch(t testing.TB, p Patch, tree Tree) Tree {
	t.Helper()
	got, err := p.Apply(ctx, tree)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestPatchConflicts(t *testing.T) {
	ns := NewMemStore()
	base := mustApply(t, Empty(ns), []Edit{put("a", "0"), put("b", "0")})
	next := mustApply(t, base, []Edit{put("a", "1"), {Key: []byte("b"), Delete: true}, put("c", "1")})
	p := mustPatch(t, base, next, Range{})
	for key, edit := range map[string]Edit{"a": put("a", "other"), "b": {Key: []byte("b"), Delete: true}, "c": put("c", "1")} {
		other := mustApply(t, base, []Edit{edit})
		_, err := p.Apply(ctx, other)
		var conflict *ConflictError
		if !errors.As(err, &conflict) || !errors.Is(err, ErrConflict) || string(conflict.Key) != key {
			t.Errorf("%s: %v", key, err)
		}
	}
	other := mustApply(t, base, []Edit{put("z", "more")})
	if got := contentOf(t, applyPatch(t, p, other)); got != "a=1 c=1 z=more " {
		t.Error(got)
	}
	if got := applyPatch(t, Patch{}, base); got.Root() != base.Root() || mustPatch(t, base, base, Range{}).CID() != (Patch{}).CID() {
		t.Error("the zero Patch changes something")
	}
	if _, err := ParsePatch([]byte{1}); !errors.Is(err, ErrCorrupt) || !errors.Is(err, codec.ErrSyntax) {
		t.Error(err)
	}
}

// TestPatches: a large difference is several patches.
func TestPatches(t *testing.T) {
	ns := NewMemStore()
	var edits []Edit
	for i := range 3000 {
		edits = append(edits, put(fmt.Sprintf("%05d", i), fmt.Sprintf("%01000d", i)))
	}
	to := mustApply(t, Empty(ns), edits)
	if _, err := NewPatch(ctx, Empty(ns), to, Range{}); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	tree, n := Empty(ns), 0
	for p, err := range Patches(ctx, tree, to, Range{}) {
		if err != nil || len(p.Block()) > codec.MaxPatch {
			t.Fatal(err)
		}
		tree = applyPatch(t, p, tree)
		n++
	}
	if n != 3 || tree.Root() != to.Root() {
		t.Errorf("%d patches lead to %v, not %v", n, tree.Root(), to.Root())
	}
}

// TestPatchBlobs: the bytes of long values are not in the patch.
func TestPatchBlobs(t *testing.T) {
	ns, other := NewMemStore(), NewMemStore()
	to := mustApply(t, Empty(ns), []Edit{{Key: []byte("k"), Value: Value{Bytes: make([]byte, 100_000)}}})
	p := mustPatch(t, Empty(ns), to, Range{})
	if len(p.Block()) > 100 {
		t.Errorf("%d bytes", len(p.Block()))
	}
	if _, err := p.Apply(ctx, Empty(other)); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
	if err := other.WriteBlob(ctx, codec.RawCID(make([]byte, 100_000)), make([]byte, 100_000)); err != nil {
		t.Fatal(err)
	}
	if got := applyPatch(t, p, Empty(other)); got.Root() != to.Root() {
		t.Error(got.Root())
	}
}
