package prolly

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// question draws what to ask about a tree with keys from a space of n.
func (s source) question(shape string, n int) codec.Question {
	q := codec.Question{Ask: codec.Ask(1 + s.IntN(5))}
	switch q.Ask {
	case codec.AskKeys, codec.AskRank:
		for range s.IntN(6) {
			q.Keys = append(q.Keys, s.key(shape, n))
		}
		slices.SortFunc(q.Keys, bytes.Compare)
		q.Keys = slices.CompactFunc(q.Keys, bytes.Equal)
	case codec.AskRange:
		q = s.span(shape, n).Question()
	case codec.AskCount:
		r := s.span(shape, n).Question()
		q.From, q.To = r.From, r.To
	case codec.AskAt:
		q.Index = uint64(s.IntN(n/3 + 2))
	}
	if q.Ask != codec.AskCount && q.Ask != codec.AskRank {
		q.Blobs = s.IntN(3) == 0
	}
	return q
}

// between returns the keys from one up to another.
func between(keys []string, from, to []byte) []string {
	i, _ := slices.BinarySearch(keys, string(from))
	end := len(keys)
	if len(to) > 0 {
		end, _ = slices.BinarySearch(keys, string(to))
	}
	return keys[i:max(i, end)]
}

// lie returns what is wrong with facts about a tree that holds m, whose keys are
// these; nil when all of it is true.
func (m model) lie(keys []string, f *Facts) error {
	q := f.Question()
	switch q.Ask {
	case codec.AskKeys, codec.AskRank:
		if err := m.lieAboutKeys(keys, f); err != nil {
			return err
		}
		if q.Ask == codec.AskRank {
			keys = nil
			break
		}
		keys = slices.DeleteFunc(asStrings(q.Keys), func(k string) bool { _, ok := m[k]; return !ok })
	case codec.AskRange:
		keys = slices.Clone(between(keys, q.From, q.To))
		if q.Reverse {
			slices.Reverse(keys)
		}
		if q.Limit > 0 && q.Limit < uint64(len(keys)) {
			keys = keys[:q.Limit]
		}
	case codec.AskCount:
		if want := len(between(keys, q.From, q.To)); f.Count() != uint64(want) {
			return fmt.Errorf("Count %d, want %d", f.Count(), want)
		}
		keys = nil
	case codec.AskAt:
		if q.Index < uint64(len(keys)) {
			keys = keys[q.Index : q.Index+1]
		} else {
			keys = nil
		}
	}
	var got []string
	for e := range f.Entries() {
		got = append(got, string(e.Key))
		if want, ok := m[string(e.Key)]; !ok || !sameProven(e.Value, want) {
			return fmt.Errorf("%q holds %v", e.Key, e.Value)
		}
	}
	if !slices.Equal(got, keys) {
		return fmt.Errorf("Entries %q, want %q", got, keys)
	}
	return nil
}

func asStrings(keys [][]byte) (out []string) {
	for _, k := range keys {
		out = append(out, string(k))
	}
	return out
}

func (m model) lieAboutKeys(keys []string, f *Facts) error {
	q := f.Question()
	i := 0
	for k := range f.Keys() {
		want, ok := m[string(k.Key)]
		at, _ := slices.BinarySearch(keys, string(k.Key))
		switch {
		case i >= len(q.Keys) || !bytes.Equal(k.Key, q.Keys[i]):
			return fmt.Errorf("key %q, which is not the %d-th of the question", k.Key, i)
		case k.Present != ok || k.Rank != uint64(at):
			return fmt.Errorf("%q: present %v, rank %d, want %v and %d", k.Key, k.Present, k.Rank, ok, at)
		case ok && q.Ask == codec.AskKeys && !sameProven(k.Value, want):
			return fmt.Errorf("%q holds %v", k.Key, k.Value)
		}
		i++
	}
	if i != len(q.Keys) {
		return fmt.Errorf("%d keys of %d", i, len(q.Keys))
	}
	return nil
}

// sameProven compares a value that stands in a leaf with one of a model, which
// is less than a chunk.
func sameProven(got, want Value) bool {
	if blob := got.Blob(); blob.Defined() {
		return blob == codec.RawCID(want.Bytes) && got.Size == uint64(len(want.Bytes))
	}
	return bytes.Equal(got.Bytes, want.Bytes) && got.Link == want.Link
}

// partLies reads from the proven part of a tree: what it says is true, or that
// it cannot tell.
func (m model) partLies(s source, shape string, n int, keys []string, f *Facts) error {
	part := f.Tree()
	if part.Root() != f.Root() {
		return fmt.Errorf("the part has the root %v", part.Root())
	}
	if part.Len() != uint64(len(m)) {
		return fmt.Errorf("the part says that there are %d entries", part.Len())
	}
	k := s.key(shape, n)
	want, ok := m[string(k)]
	e, err := part.Lookup(ctx, k)
	if !errors.Is(err, ErrMissing) && (ok && (err != nil || !sameProven(e.Value, want)) || !ok && err != ErrNotFound) {
		return fmt.Errorf("Lookup(%q) in the part: %v, %w", k, e, err)
	}
	at, _ := slices.BinarySearch(keys, string(k))
	if r, err := part.Rank(ctx, k); !errors.Is(err, ErrMissing) && (err != nil || r != uint64(at)) {
		return fmt.Errorf("Rank(%q) in the part: %d, %w", k, r, err)
	}
	err = nil
	r := s.span(shape, n)
	var got []string
	for e, rerr := range part.Range(ctx, r) {
		if err = rerr; err == nil {
			got = append(got, string(e.Key))
		}
	}
	wanted := m.selected(r)
	if errors.Is(err, ErrMissing) {
		wanted = wanted[:min(len(got), len(wanted))]
	} else if err != nil {
		return err
	}
	if !slices.Equal(got, wanted) {
		return fmt.Errorf("Range(%+v) in the part: %q, want %q", r, got, wanted)
	}
	return nil
}

// Every question is answered with the truth, by a proof that holds what a reader
// needs and no more.
func TestProofsAgainstModel(t *testing.T) {
	for seed, shape := range shapes {
		s := newSource(t, uint64(seed))
		for _, n := range []int{0, 1, 5, 60, 900} {
			m := randomModel(s, shape, n)
			tree := mustBuild(t, NewMemStore(), m)
			keys, space := m.keys(), 4*n+1
			for range 150 {
				q := s.question(shape, space)
				p, err := tree.ProveQuestion(ctx, q)
				if err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
				f, err := Verify(tree.Root(), p)
				if err != nil {
					t.Fatalf("%+v: %v", q, err)
				}
				if err := m.lie(keys, &f); err != nil {
					t.Fatalf("%d of %s: %+v: %v", n, shape, q, err)
				}
				if err := m.partLies(s, shape, space, keys, &f); err != nil {
					t.Fatalf("%d of %s: %+v: %v", n, shape, q, err)
				}
				if root, err := p.Root(); err != nil || root != tree.Root() {
					t.Fatalf("Root: %v, %v", root, err)
				}
			}
		}
	}
}

// What was asked can be read from the proven part as from the tree.
func TestProvenPartAnswers(t *testing.T) {
	s := newSource(t, 1)
	m := randomModel(s, "path", 900)
	tree := mustBuild(t, NewMemStore(), m)
	for range 200 {
		q := s.question("path", 3600)
		q.Blobs = q.Ask != codec.AskCount && q.Ask != codec.AskRank
		p, err := tree.ProveQuestion(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		f, err := Verify(tree.Root(), p)
		if err != nil {
			t.Fatal(err)
		}
		part := f.Tree()
		for k := range f.Keys() {
			if has, err := part.Has(ctx, k.Key); has != k.Present || err != nil {
				t.Fatalf("Has(%q): %v, %v", k.Key, has, err)
			}
			if r, err := part.Rank(ctx, k.Key); r != k.Rank || err != nil {
				t.Fatalf("Rank(%q): %d, %v", k.Key, r, err)
			}
		}
		for e := range f.Entries() {
			if !sameValue(t, part, e.Value, m[string(e.Key)]) {
				t.Fatalf("%q has another value", e.Key)
			}
		}
		if q.Ask == codec.AskAt && q.Index < uint64(len(m)) {
			if e, err := part.At(ctx, q.Index); err != nil || !sameValue(t, part, e.Value, m[string(e.Key)]) {
				t.Fatalf("At(%d): %v, %v", q.Index, e, err)
			}
		}
		_, err = part.Apply(ctx, []Edit{{Key: []byte("/dir3/x"), Value: Value{Bytes: s.bytes(9)}}})
		if !errors.Is(err, ErrMissing) && !errors.Is(err, errProofReadOnly) {
			t.Fatalf("Apply to a proof: %v", err)
		}
	}
}

func TestProofOfLargeValues(t *testing.T) {
	s := newSource(t, 1)
	half := s.bytes(3 << 20)
	m := model{
		"large":   {Bytes: append(bytes.Clone(half), half...)}, // whose chunks repeat
		"again":   {Bytes: half},
		"blob":    {Bytes: s.bytes(5000)},
		"largest": {Bytes: bytes.Repeat([]byte{7}, codec.MaxBlob)},
	}
	tree := mustBuild(t, NewMemStore(), m)
	q := codec.Question{Ask: codec.AskRange, Blobs: true}
	p, err := tree.ProveQuestion(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	f, err := Verify(tree.Root(), p)
	if err != nil {
		t.Fatal(err)
	}
	for e := range f.Entries() {
		if !sameValue(t, f.Tree(), e.Value, m[string(e.Key)]) {
			t.Errorf("%q has another value", e.Key)
		}
	}
	if len(p) > 7<<20 {
		t.Errorf("the proof has %d bytes: blocks are not shared", len(p))
	}
	without, err := tree.ProveRange(ctx, Range{})
	if err != nil {
		t.Fatal(err)
	}
	if f, err = Verify(tree.Root(), without); err != nil || len(without) > 1000 {
		t.Fatal(len(without), err)
	}
	if _, err := f.Tree().Get(ctx, []byte("blob")); !errors.Is(err, ErrMissing) {
		t.Errorf("Get of a value that is not in the proof: %v", err)
	}
}

func TestProofBadInput(t *testing.T) {
	tree := mustBuild(t, NewMemStore(), randomModel(newSource(t, 1), "path", 100))
	long := make([]byte, codec.MaxKey+1)
	for _, c := range []struct {
		q    codec.Question
		want error
	}{
		{codec.Question{}, codec.ErrSyntax},
		{codec.Question{Ask: 9}, codec.ErrSyntax},
		{codec.Question{Ask: codec.AskKeys, Keys: [][]byte{{}}}, codec.ErrKey},
		{codec.Question{Ask: codec.AskKeys, Keys: [][]byte{long}}, codec.ErrKey},
		{codec.Question{Ask: codec.AskKeys, Keys: [][]byte{{2}, {1}}}, codec.ErrOrder},
		{codec.Question{Ask: codec.AskKeys, Keys: [][]byte{{1}, {1}}}, codec.ErrOrder},
		{codec.Question{Ask: codec.AskKeys, Keys: make([][]byte, codec.MaxQuestionKeys+1)}, codec.ErrTooLarge},
		{codec.Question{Ask: codec.AskRange, From: long}, codec.ErrKey},
		{codec.Question{Ask: codec.AskCount, To: long}, codec.ErrKey},
		{codec.Question{Ask: codec.AskAt, Index: 1 << 48}, codec.ErrTooLarge},
	} {
		if _, err := tree.ProveQuestion(ctx, c.q); !errors.Is(err, c.want) {
			t.Errorf("%+v: %v, want %v", c.q, err, c.want)
		}
	}
	if _, err := tree.Prove(ctx, []byte("a"), nil); err != ErrKeyEmpty {
		t.Error(err)
	}
	if _, err := ReadProof(bytes.NewReader(make([]byte, 101)), 100); !errors.Is(err, ErrTooLarge) {
		t.Error(err)
	}
	p, err := tree.Prove(ctx, []byte("b"), []byte("a"), []byte("b"))
	if err != nil {
		t.Fatal(err)
	}
	if again, err := ReadProof(bytes.NewReader(p), 0); err != nil || !bytes.Equal(again, p) {
		t.Error(err)
	}
	if _, err := Verify(codec.RawCID(nil), p); err == nil || errors.Is(err, ErrRefuted) {
		t.Errorf("a CID that names no node: %v", err)
	}
	if _, err := (Proof)(nil).Root(); !errors.Is(err, ErrRefuted) {
		t.Error(err)
	}
	var none Facts
	if _, err := none.Tree().Get(ctx, []byte("a")); !errors.Is(err, ErrMissing) {
		t.Error(err)
	}
}

// A proof has the nodes that its question needs.
func TestProofHoldsNoMore(t *testing.T) {
	m := model{}
	for i := range 4000 {
		m[fmt.Sprintf("key %05d", i)] = Value{Bytes: bytes.Repeat([]byte{byte(i)}, 60)}
	}
	tree := mustBuild(t, NewMemStore(), m)
	root, err := tree.rootNode(ctx)
	if err != nil || root.Level() != 2 || root.Len() < 3 {
		t.Fatal(root, err)
	}
	blocks := func(q codec.Question) int { return len(sectionsOf(t, tree, q)) - 1 }
	key := func(i int) []byte { return fmt.Appendf(nil, "key %05d", i) }
	for name, c := range map[string]struct {
		q    codec.Question
		want int
	}{
		"no key":             {codec.Question{Ask: codec.AskKeys}, 1},
		"one key":            {codec.Question{Ask: codec.AskKeys, Keys: [][]byte{key(2000)}}, 3},
		"two of one leaf":    {codec.Question{Ask: codec.AskKeys, Keys: [][]byte{root.AppendKey(nil, 1), append(root.AppendKey(nil, 1), 0)}}, 3},
		"the first and last": {codec.Question{Ask: codec.AskKeys, Keys: [][]byte{key(0), key(3999)}}, 5},
		"before the first":   {codec.Question{Ask: codec.AskRank, Keys: [][]byte{{'a'}}}, 3},
		"Len":                {codec.Question{Ask: codec.AskCount}, 1},
		"a count":            {codec.Question{Ask: codec.AskCount, From: key(5), To: key(3990)}, 5},
		"a count from one separator to another": {codec.Question{Ask: codec.AskCount,
			From: root.AppendKey(nil, 1), To: root.AppendKey(nil, 2)}, 1},
		"a count up to a separator": {codec.Question{Ask: codec.AskCount,
			From: append(root.AppendKey(nil, 1), 0), To: root.AppendKey(nil, 2)}, 3},
		"at":               {codec.Question{Ask: codec.AskAt, Index: 1234}, 3},
		"beyond the end":   {codec.Question{Ask: codec.AskAt, Index: 4000}, 1},
		"an empty range":   {codec.Question{Ask: codec.AskRange, From: key(5), To: key(5)}, 1},
		"the first entry":  {codec.Question{Ask: codec.AskRange, Limit: 1}, 3},
		"the last entry":   {codec.Question{Ask: codec.AskRange, Limit: 1, Reverse: true}, 3},
		"a range of one":   {codec.Question{Ask: codec.AskRange, From: key(5), To: key(6)}, 3},
		"before the range": {codec.Question{Ask: codec.AskRange, To: []byte("a")}, 3},
		"behind the range": {codec.Question{Ask: codec.AskRange, From: []byte("z")}, 3},
	} {
		if got := blocks(c.q); got != c.want {
			t.Errorf("%s: %d nodes, want %d", name, got, c.want)
		}
	}
	all := 0
	if err := tree.Walk(ctx, func(Addr, *Node) error { all++; return nil }); err != nil {
		t.Fatal(err)
	}
	if got := blocks(codec.Question{Ask: codec.AskRange}); got != all {
		t.Errorf("everything: %d nodes, want %d", got, all)
	}
}

// Nodes are read in place: what is allocated does not grow with them.
func TestVerifyAllocatesLittle(t *testing.T) {
	tree := mustBuild(t, NewMemStore(), randomModel(newSource(t, 1), "sequential", 900))
	p, err := tree.Prove(ctx, []byte("00000500"))
	if err != nil {
		t.Fatal(err)
	}
	root := tree.Root()
	got := testing.AllocsPerRun(100, func() {
		if _, err := Verify(root, p); err != nil {
			t.Fatal(err)
		}
	})
	if most := float64(6 + 3*tree.Height()); got > most {
		t.Errorf("verifying a proof of %d nodes allocates %v times, more than %v", tree.Height(), got, most)
	}
}
