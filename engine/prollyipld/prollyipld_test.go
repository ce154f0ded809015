package prollyipld

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	cid "github.com/ipfs/go-cid"
	"github.com/ipld/go-ipld-prime/codec/dagjson"
	"github.com/ipld/go-ipld-prime/datamodel"
	"github.com/ipld/go-ipld-prime/fluent/qp"
	"github.com/ipld/go-ipld-prime/linking"
	cidlink "github.com/ipld/go-ipld-prime/linking/cid"
	"github.com/ipld/go-ipld-prime/node/basicnode"
	"github.com/ipld/go-ipld-prime/storage"
	"github.com/ipld/go-ipld-prime/traversal"
	"github.com/ipld/go-ipld-prime/traversal/selector"
	"github.com/ipld/go-ipld-prime/traversal/selector/builder"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var ctx = context.Background()

func must[T any](v T, err error) func(t testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

func store(t *testing.T) *engine.Engine {
	t.Helper()
	e := must(engine.New(must(memkv.NewDisk(memkv.Options{}).Open())(t), nil))(t)
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
	})
	return e
}

var prototype = cidlink.LinkPrototype{Prefix: cid.Prefix{Version: 1, Codec: cid.DagCBOR, MhType: 0x12, MhLength: 32}}

// world is a store with a tree of n small entries, a large value, and a link to
// a block that links to another.
type world struct {
	e     *engine.Engine
	lsys  *linking.LinkSystem
	root  cid.Cid
	tree  prolly.Tree
	large []byte
}

func newWorld(t *testing.T, n int) *world {
	w := &world{e: store(t)}
	w.lsys = NewLinkSystem(NewStorage(w.e))
	deep := must(w.lsys.Store(linking.LinkContext{Ctx: ctx}, prototype, must(qp.BuildMap(basicnode.Prototype.Any, 1, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "where", qp.String("two links away"))
	}))(t)))(t)
	near := must(w.lsys.Store(linking.LinkContext{Ctx: ctx}, prototype, must(qp.BuildMap(basicnode.Prototype.Any, 2, func(m datamodel.MapAssembler) {
		qp.MapEntry(m, "hello", qp.String("world"))
		qp.MapEntry(m, "next", qp.Link(deep))
	}))(t)))(t)
	w.large = make([]byte, 3<<20)
	rand.NewChaCha8([32]byte{1}).Read(w.large)
	edits := []prolly.Edit{
		{Key: []byte("link"), Value: prolly.Value{Link: near.(cidlink.Link).Cid}},
		{Key: []byte("large"), Value: prolly.Value{Bytes: w.large}},
		{Key: []byte("\xff\xfe/no text"), Value: prolly.Value{Bytes: []byte{}}},
	}
	for i := range n {
		edits = append(edits, prolly.Edit{Key: fmt.Appendf(nil, "key %06d", i), Value: prolly.Value{Bytes: fmt.Appendf(nil, "value %d", i)}})
	}
	b := must(w.e.Branch(ctx, "main"))(t)
	if err := b.Apply(ctx, edits); err != nil {
		t.Fatal(err)
	}
	w.root = must(b.Fold(ctx))(t)
	w.tree = must(prolly.Load(ctx, w.e.Nodes(), w.root))(t)
	return w
}

// reify loads the root as any IPLD tool does, and lets the layout have it.
func (w *world) reify(t *testing.T) *Map {
	t.Helper()
	n := must(w.lsys.Load(linking.LinkContext{Ctx: ctx}, cidlink.Link{Cid: w.root}, basicnode.Prototype.Any))(t)
	m := must(w.lsys.KnownReifiers[Name](linking.LinkContext{Ctx: ctx}, n, w.lsys))(t)
	if m.(*Map).Substrate() != n {
		t.Error("another substrate")
	}
	return m.(*Map)
}

// I1: the entries, in order, by iteration and by key.
func TestMapIsTree(t *testing.T) {
	for _, n := range []int{0, 250, 253, 254, 3000} {
		w := newWorld(t, n)
		for what, m := range map[string]*Map{"reified": w.reify(t), "of a tree": NewMap(ctx, w.tree)} {
			it := m.MapIterator()
			count := 0
			for e, err := range w.tree.Range(ctx, prolly.Range{}) {
				if err != nil {
					t.Fatal(err)
				}
				k, v, err := it.Next()
				if err != nil {
					t.Fatal(err)
				}
				if key := must(k.AsString())(t); key != string(e.Key) {
					t.Fatalf("I1 violated: %s: %q where %q is next", what, key, e.Key)
				}
				same(t, w.tree, e, v)
				same(t, w.tree, e, must(m.LookupByString(string(e.Key)))(t))
				count++
			}
			if !it.Done() || m.Length() != int64(count) {
				t.Errorf("%s: %d entries, length %d, done %v", what, count, m.Length(), it.Done())
			}
			if _, _, err := it.Next(); !errors.As(err, new(datamodel.ErrIteratorOverread)) {
				t.Error(err)
			}
			if _, err := m.LookupByString("no such key"); !errors.As(err, new(datamodel.ErrNotExists)) {
				t.Error(err)
			}
			if _, err := m.LookupByNode(basicnode.NewBytes([]byte("\xff\xfe/no text"))); err != nil {
				t.Error(err)
			}
			if m.Kind() != datamodel.Kind_Map || m.Substrate().Kind() != datamodel.Kind_List || m.ListIterator() != nil {
				t.Error(what, "is no map over a list")
			}
			if _, err := m.AsBytes(); !errors.As(err, new(datamodel.ErrWrongKind)) {
				t.Error(err)
			}
		}
	}
}

func same(t *testing.T, tree prolly.Tree, e prolly.Entry, n datamodel.Node) {
	t.Helper()
	if e.Value.Link.Defined() {
		if l := must(n.AsLink())(t); l.(cidlink.Link).Cid != e.Value.Link {
			t.Errorf("%q: %v", e.Key, l)
		}
		return
	}
	if got := must(n.AsBytes())(t); !bytes.Equal(got, must(tree.Get(ctx, e.Key))(t)) {
		t.Errorf("I1 violated: %q: another value", e.Key)
	}
}

// visited walks from the root by a selector, and returns what it matched as
// DAG-JSON, by path.
func (w *world) visited(t *testing.T, s builder.SelectorSpec) map[string]string {
	t.Helper()
	sel := must(selector.CompileSelector(s.Node()))(t)
	start := must(w.lsys.Load(linking.LinkContext{Ctx: ctx}, cidlink.Link{Cid: w.root}, basicnode.Prototype.Any))(t)
	p := traversal.Progress{Cfg: &traversal.Config{
		Ctx: ctx, LinkSystem: *w.lsys,
		LinkTargetNodePrototypeChooser: func(datamodel.Link, linking.LinkContext) (datamodel.NodePrototype, error) {
			return basicnode.Prototype.Any, nil
		},
	}}
	out := map[string]string{}
	if err := p.WalkMatching(start, sel, func(p traversal.Progress, n datamodel.Node) error {
		var b bytes.Buffer
		err := dagjson.Encode(n, &b)
		out[p.Path.String()] = b.String()
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return out
}

// Selectors find keys, and go on through linked blocks.
func TestSelectors(t *testing.T) {
	w := newWorld(t, 1500)
	b := builder.NewSelectorSpecBuilder(basicnode.Prototype.Any)
	field := func(name string, next builder.SelectorSpec) builder.SelectorSpec {
		return b.ExploreFields(func(f builder.ExploreFieldsSpecBuilder) { f.Insert(name, next) })
	}
	as := func(next builder.SelectorSpec) builder.SelectorSpec { return b.ExploreInterpretAs(Name, next) }
	for _, c := range []struct {
		what string
		s    builder.SelectorSpec
		want map[string]string
	}{
		{"a key", as(field("key 001234", b.Matcher())), map[string]string{"key 001234": `{"/":{"bytes":"dmFsdWUgMTIzNA"}}`}},
		{"across a link", as(field("link", field("hello", b.Matcher()))), map[string]string{"link/hello": `"world"`}},
		{"across two", as(field("link", field("next", field("where", b.Matcher())))), map[string]string{"link/next/where": `"two links away"`}},
		{"a part of a large value", as(field("large", b.MatcherSubset(1<<20, 1<<20+4))), map[string]string{
			"large": string(must(dagJSON(basicnode.NewBytes(w.large[1<<20 : 1<<20+4])))(t)),
		}},
		{"no such key", as(field("key 9", b.Matcher())), map[string]string{}},
	} {
		if got := w.visited(t, c.s); fmt.Sprint(got) != fmt.Sprint(c.want) {
			t.Errorf("%s: %v, want %v", c.what, got, c.want)
		}
	}
	all := w.visited(t, as(b.ExploreAll(b.Matcher())))
	if len(all) != 1503 || !strings.HasPrefix(all["link"], `{"hello":"world","next":`) {
		t.Errorf("%d entries of 1503; link: %s", len(all), all["link"])
	}
}

func dagJSON(n datamodel.Node) ([]byte, error) {
	var b bytes.Buffer
	err := dagjson.Encode(n, &b)
	return b.Bytes(), err
}

// A large value is read piece by piece.
func TestLargeBytes(t *testing.T) {
	w := newWorld(t, 0)
	n := must(w.reify(t).LookupByString("large"))(t).(datamodel.LargeBytesNode)
	r := must(n.AsLargeBytes())(t)
	if at := must(r.Seek(-10, io.SeekEnd))(t); at != int64(len(w.large)-10) {
		t.Error(at)
	}
	if got := must(io.ReadAll(r))(t); !bytes.Equal(got, w.large[len(w.large)-10:]) {
		t.Errorf("%x", got)
	}
}

// What is no tree is refused, whatever it is.
func TestReifyRefuses(t *testing.T) {
	w := newWorld(t, 10)
	list := func(n int) datamodel.Node {
		return must(qp.BuildList(basicnode.Prototype.Any, int64(n), func(l datamodel.ListAssembler) {
			for range n {
				qp.ListEntry(l, qp.Int(1))
			}
		}))(t)
	}
	huge := must(qp.BuildList(basicnode.Prototype.Any, 9, func(l datamodel.ListAssembler) {
		for range 9 {
			qp.ListEntry(l, qp.Bytes(make([]byte, codec.MaxNode)))
		}
	}))(t)
	for _, n := range []datamodel.Node{basicnode.NewString("x"), basicnode.NewBytes(nil), list(0), list(7), list(9), huge, datamodel.Null} {
		if _, err := Reify(linking.LinkContext{}, n, w.lsys); !errors.Is(err, ErrNotTree) {
			t.Errorf("%v: %v", n.Kind(), err)
		}
	}
	missing := must(prolly.Build(ctx, prolly.NewMemStore(), w.tree.Range(ctx, prolly.Range{Prefix: []byte("key")})))(t)
	if _, err := w.lsys.Load(linking.LinkContext{Ctx: ctx}, cidlink.Link{Cid: missing.Root()}, basicnode.Prototype.Any); !errors.Is(err, prolly.ErrMissing) {
		t.Errorf("a tree that is not here: %v", err)
	}
	short, cancel := context.WithCancel(ctx)
	m := NewMap(short, w.tree)
	it := m.MapIterator()
	cancel()
	if _, _, err := it.Next(); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
	if _, err := m.LookupByString("large"); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// I2: both storages keep what is put, and nothing that is not what it is called.
func TestStorage(t *testing.T) {
	s := must(memkv.NewDisk(memkv.Options{}).Open())(t)
	defer s.Close()
	for what, st := range map[string]*Storage{"engine": NewStorage(store(t)), "kv": NewKVStorage(s)} {
		block := []byte("a block")
		key := codec.RawCID(block).KeyString()
		if ok, err := st.Has(ctx, key); ok || err != nil {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
		if _, err := st.Get(ctx, key); !errors.Is(err, prolly.ErrMissing) {
			t.Errorf("%s: %v", what, err)
		}
		if err := storage.Put(ctx, st, key, []byte("another")); !errors.Is(err, prolly.ErrCorrupt) {
			t.Errorf("I2 violated: %s: %v", what, err)
		}
		if err := storage.Put(ctx, st, key, block); err != nil {
			t.Errorf("%s: %v", what, err)
		}
		if ok, err := storage.Has(ctx, st, key); !ok || err != nil {
			t.Errorf("%s: %v, %v", what, ok, err)
		}
		r := must(storage.GetStream(ctx, st, key))(t)
		if got := must(io.ReadAll(r))(t); !bytes.Equal(got, block) {
			t.Errorf("%s: %q", what, got)
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if _, err := st.Get(ctx, "no CID"); err == nil {
			t.Error(what, "takes anything for a key")
		}
	}
	// The nodes of a tree that was built over the bare store are there too, and
	// a block that was changed behind its back is noticed.
	lsys := NewLinkSystem(NewKVStorage(s))
	link := must(lsys.Store(linking.LinkContext{Ctx: ctx}, prototype, basicnode.NewString("x")))(t)
	if n := must(lsys.Load(linking.LinkContext{Ctx: ctx}, link, basicnode.Prototype.Any))(t); must(n.AsString())(t) != "x" {
		t.Error("another node")
	}
	w := s.NewBatch()
	h := codec.Sum([]byte("right"))
	must(w.PutNode(h, []byte("wrong"), nil))(t)
	if err := w.Commit(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := NewKVStorage(s).Get(ctx, h.CID().KeyString()); !errors.Is(err, prolly.ErrCorrupt) {
		t.Errorf("I2 violated: %v", err)
	}
}
