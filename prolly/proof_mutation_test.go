package prolly

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"slices"
	"testing"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

var proofMutations = flag.Int("proof.mutations", 20_000, "proofs that TestMutatedProofs changes")

// A liar has a tree that others know the root of, the same tree with something
// else in it, and time.
type liar struct {
	source
	shape string
	space int
	m     model
	keys  []string
	tree  Tree
	other []Tree // each with one entry changed, removed or added; and one of its own

	proofs [][]codec.Section // of the tree
	fakes  [][]codec.Section // of the others
}

func newLiar(t *testing.T, s source, shape string, n int) *liar {
	l := &liar{source: s, shape: shape, space: 4*n + 1, m: randomModel(s, shape, n)}
	ns := NewMemStore()
	l.keys, l.tree = l.m.keys(), mustBuild(t, ns, l.m)
	for range 8 {
		edit := Edit{Key: s.key(shape, l.space), Value: s.value()}
		if len(l.keys) > 0 && s.IntN(2) == 0 {
			edit.Key = []byte(l.keys[s.IntN(len(l.keys))])
			edit.Delete = s.IntN(2) == 0
		}
		u, err := l.tree.Apply(ctx, []Edit{edit})
		if err != nil {
			t.Fatal(err)
		}
		l.other = append(l.other, u)
	}
	l.other = append(l.other, mustBuild(t, ns, randomModel(s, shape, n)))
	for range 60 {
		q := s.question(shape, l.space)
		l.proofs = append(l.proofs, sectionsOf(t, l.tree, q))
		l.fakes = append(l.fakes, sectionsOf(t, l.other[s.IntN(len(l.other))], q))
	}
	return l
}

func sectionsOf(t testing.TB, tree Tree, q codec.Question) []codec.Section {
	p, err := tree.ProveQuestion(ctx, q)
	if err != nil {
		t.Fatal(err)
	}
	return takeApart(t, p)
}

func takeApart(t testing.TB, p Proof) (out []codec.Section) {
	_, r, err := codec.OpenSections(p)
	for err == nil && r.More() {
		var s codec.Section
		s, err = r.Next()
		out = append(out, s)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func assemble(root codec.Hash, sections []codec.Section) Proof {
	p := codec.AppendSectionsHead(nil, root)
	for _, s := range sections {
		p = codec.AppendSection(p, s)
	}
	return p
}

// falsehood changes a proof and presents it.
func (l *liar) falsehood() (Proof, string) {
	from := l.proofs
	if l.IntN(3) == 0 {
		from = l.fakes
	}
	sections := slices.Clone(from[l.IntN(len(from))])
	root := l.tree.root.Hash
	what := ""
	for range 1 + l.IntN(3) {
		var did string
		switch l.IntN(3) {
		case 0:
			sections, did = l.changeOrder(sections)
		case 1:
			sections, did = l.changeSection(sections)
		case 2:
			sections, did = l.changeNode(sections)
		}
		what += did + ", "
	}
	p := assemble(root, sections)
	if l.IntN(3) == 0 {
		for range 1 + l.IntN(4) {
			p = l.changeBytes(p)
		}
		what += "bytes"
	}
	return p, what
}

func (l *liar) changeBytes(b []byte) []byte {
	if len(b) == 0 {
		return []byte{0x3a}
	}
	at := l.IntN(len(b))
	if l.IntN(2) == 0 {
		at = l.IntN(min(len(b), 200)) // where the header and the question are
	}
	to := min(len(b), at+1+l.IntN(60))
	switch l.IntN(6) {
	case 0:
		b[at] ^= 1 << l.IntN(8)
	case 1:
		b[at] = []byte{0, 1, 23, 24, 0x58, 0x80, 0xff}[l.IntN(7)]
	case 2:
		return slices.Delete(b, at, to)
	case 3:
		return slices.Insert(b, at, bytes.Clone(b[at:to])...)
	case 4:
		return b[:at]
	case 5:
		copy(b[at:to], b[l.IntN(len(b)):])
	}
	return b
}

// any is a section of some proof.
func (l *liar) any() codec.Section {
	from := l.proofs
	if l.IntN(2) == 0 {
		from = l.fakes
	}
	p := from[l.IntN(len(from))]
	return p[l.IntN(len(p))]
}

func (l *liar) changeOrder(p []codec.Section) ([]codec.Section, string) {
	if len(p) == 0 {
		return append(p, l.any()), "one of another proof alone"
	}
	i, j := l.IntN(len(p)), l.IntN(len(p))
	switch l.IntN(7) {
	case 0:
		return slices.Delete(p, i, i+1), "one left out"
	case 1:
		return slices.Insert(p, j, p[i]), "one twice"
	case 2:
		p[i], p[j] = p[j], p[i]
		return p, "two exchanged"
	case 3:
		l.Shuffle(len(p), func(i, j int) { p[i], p[j] = p[j], p[i] })
		return p, "shuffled"
	case 4:
		return slices.Insert(p, i, l.any()), "one of another proof added"
	case 5:
		p[i] = l.any()
		return p, "one of another proof instead"
	}
	return append(p, l.any()), "one of another proof at the end"
}

// changeSection changes a question, a block or a name.
func (l *liar) changeSection(p []codec.Section) ([]codec.Section, string) {
	if len(p) == 0 {
		return p, "nothing"
	}
	i := l.IntN(len(p))
	switch l.IntN(5) {
	case 0:
		q, err := l.question(l.shape, l.space).Encode()
		if err != nil {
			panic(err)
		}
		p[0] = codec.Section{Hash: codec.Sum(q), Block: q}
		return p, "another question"
	case 1:
		p[i].Block = l.changeBytes(bytes.Clone(p[i].Block))
		p[i].Hash = codec.Sum(p[i].Block)
		return p, "a block with its hash"
	case 2:
		p[i].Block = l.changeBytes(bytes.Clone(p[i].Block))
		return p, "a block"
	case 3:
		p[i].Hash = l.any().Hash
		return p, "a hash"
	}
	p[i].Raw = !p[i].Raw
	return p, "a codec"
}

// changeNode re-encodes a node with something else in it, and half the time all
// nodes above it, so that everything fits but the root.
func (l *liar) changeNode(p []codec.Section) ([]codec.Section, string) {
	var at []int
	for i, s := range p {
		if _, err := codec.ParseNode(s.Block); err == nil && !s.Raw {
			at = append(at, i)
		}
	}
	if len(at) == 0 {
		return p, "nothing"
	}
	i := at[l.IntN(len(at))]
	was := p[i].Hash
	n, err := NewNode(p[i].Block, nil)
	if err != nil {
		panic(err)
	}
	block := l.reencode(n)
	p[i].Block, p[i].Hash = block, codec.Sum(block)
	if l.IntN(2) == 0 {
		return p, "a node"
	}
	for k := i - 1; k > 0; k-- {
		parent, err := NewNode(p[k].Block, nil)
		if err != nil || p[k].Raw || parent.Level() == 0 {
			continue
		}
		for c := range parent.Len() {
			if parent.Child(c) != was {
				continue
			}
			b := bytes.Clone(p[k].Block)
			parent.SetChild(b, c, p[i].Hash, l.sum(p[i], 0, parent.Count(c)), l.sum(p[i], 1, parent.Bytes(c)))
			was, i = p[k].Hash, k
			p[k].Block, p[k].Hash = b, codec.Sum(b)
			break
		}
	}
	return p, "a node and those above it"
}

// sum is the count or the bytes of a node, or now and then what was said of it
// before.
func (l *liar) sum(s codec.Section, which int, before uint64) uint64 {
	n, err := codec.ParseNode(s.Block)
	if err != nil || l.IntN(4) == 0 {
		return before
	}
	count, size := n.Sums()
	return []uint64{count, size}[which]
}

// reencode is the node with an item changed, left out or put in: what a builder
// of another tree would write. It may break rules.
func (l *liar) reencode(n *Node) []byte {
	defer func() { _ = recover() }() // with the tag invariants the encoders watch
	i := 0
	if n.Len() > 0 {
		i = l.IntN(n.Len())
	}
	if n.Level() > 0 {
		es := innerEntries(n)
		e := &es[i]
		switch l.IntN(5) {
		case 0:
			e.Count += uint64(l.IntN(5)) - 2
		case 1:
			e.Bytes += uint64(l.IntN(5)) - 2
		case 2:
			e.Key = append(bytes.Clone(e.Key), byte(l.IntN(256)))
		case 3:
			e.Child = es[l.IntN(len(es))].Child
		case 4:
			if len(es) > 2 {
				es = slices.Delete(es, i, i+1)
			}
		}
		return codec.AppendInner(nil, n.Level(), es)
	}
	es := leafEntries(n)
	switch k := l.IntN(4); {
	case k == 0 || len(es) == 0:
		es = slices.Insert(es, i, codec.LeafEntry{Key: l.key(l.shape, l.space), Value: l.bytes(3)})
		slices.SortFunc(es, func(a, b codec.LeafEntry) int { return bytes.Compare(a.Key, b.Key) })
	case k == 1:
		es = slices.Delete(es, i, i+1)
	case k == 2:
		es[i].Key = append(bytes.Clone(es[i].Key), byte(l.IntN(256)))
	case es[i].Kind == codec.Inline:
		es[i].Value = l.bytes(len(es[i].Value) + 1)
	default:
		es[i].Size++
	}
	return codec.AppendLeaf(nil, es)
}

func innerEntries(n *Node) (out []codec.InnerEntry) {
	for i := range n.Len() {
		out = append(out, codec.InnerEntry{Key: n.AppendKey(nil, i), Child: n.Child(i), Count: n.Count(i), Bytes: n.Bytes(i)})
	}
	return out
}

func leafEntries(n *Node) (out []codec.LeafEntry) {
	for i := range n.Len() {
		e := codec.LeafEntry{Key: n.AppendKey(nil, i), Kind: n.Kind(i), Size: n.Size(i)}
		if e.Kind == codec.Inline {
			e.Value = n.Inline(i)
		} else {
			e.Link = n.Link(i)
		}
		out = append(out, e)
	}
	return out
}

// believed returns whether p is accepted for the root, and an error when it
// should not be: whatever is accepted says the truth and is the one proof that
// there is.
func (l *liar) believed(p Proof) (bool, error) {
	f, err := Verify(l.tree.Root(), p)
	if err != nil {
		if !errors.Is(err, ErrRefuted) {
			return false, fmt.Errorf("not ErrRefuted: %w", err)
		}
		return false, nil
	}
	if err := l.m.lie(l.keys, &f); err != nil {
		return true, err
	}
	honest, err := l.tree.ProveQuestion(ctx, f.Question())
	if err == nil && !bytes.Equal(honest, p) {
		err = errors.New("it is not the proof that Prove makes")
	}
	return true, err
}

// P7: no changed proof makes anyone believe what is not so.
func TestMutatedProofs(t *testing.T) {
	var liars []*liar
	for i, n := range []int{0, 1, 12, 120, 500, 2000} {
		for j, shape := range shapes[:4] {
			liars = append(liars, newLiar(t, newSource(t, uint64(10*i+j)), shape, n))
		}
	}
	believed := 0
	for i := range *proofMutations {
		l := liars[i%len(liars)]
		p, what := l.falsehood()
		yes, err := l.believed(p)
		if err != nil {
			t.Fatalf("mutation %d, %s: %v\n%x", i, what, err, p)
		}
		if yes {
			believed++
		}
		// The root is the whole of what is trusted: a proof of one is none of another.
		if i%10 == 0 {
			u := l.other[l.IntN(len(l.other))]
			if u.root == l.tree.root {
				continue
			}
			honest := assemble(l.tree.root.Hash, l.proofs[l.IntN(len(l.proofs))])
			if _, err := Verify(u.Root(), honest); !errors.Is(err, ErrRefuted) {
				t.Fatalf("mutation %d: a proof of another root: %v", i, err)
			}
		}
	}
	t.Logf("%d mutated proofs, %d of them true and whole all the same", *proofMutations, believed)
}

// Every byte of a proof counts.
func TestEveryByteOfAProof(t *testing.T) {
	s := newSource(t, 3)
	l := newLiar(t, s, "path", 200)
	for _, q := range []codec.Question{
		{Ask: codec.AskKeys, Keys: [][]byte{s.key("path", l.space)}, Blobs: true},
		{Ask: codec.AskRange, From: []byte("/dir1"), Limit: 40},
		{Ask: codec.AskCount, From: []byte("/dir1"), To: []byte("/dir3")},
	} {
		p := assemble(l.tree.root.Hash, sectionsOf(t, l.tree, q))
		for at := range p {
			for _, bit := range []int{0, 1 + at%7} {
				p[at] ^= 1 << bit
				if _, err := l.believed(p); err != nil {
					t.Fatalf("%+v: byte %d: %v", q, at, err)
				}
				if _, err := Verify(l.tree.Root(), p); err == nil {
					t.Fatalf("%+v: byte %d may be anything", q, at)
				}
				p[at] ^= 1 << bit
			}
			if _, err := Verify(l.tree.Root(), p[:at]); err == nil {
				t.Fatalf("%+v: %d of %d bytes suffice", q, at, len(p))
			}
		}
		if _, err := Verify(l.tree.Root(), append(p, 0)); err == nil {
			t.Fatal("a byte may follow")
		}
	}
}
