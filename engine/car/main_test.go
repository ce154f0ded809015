package car

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"testing"

	carv2 "github.com/ipld/go-car/v2"
	"go.uber.org/goleak"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/memkv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

var seedFlag = flag.Uint64("car.seed", 0, "seed of the random tests; 0: another one each time")

func TestMain(m *testing.M) {
	flag.Parse()
	code := m.Run()
	if code == 0 {
		if err := goleak.Find(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}
	os.Exit(code)
}

var ctx = context.Background()

// source is random content; its seed is printed when the test fails.
type source struct {
	*rand.Rand
	*testing.T
}

func newSource(t *testing.T) *source {
	seed := *seedFlag
	if seed == 0 {
		seed = rand.Uint64()
	}
	t.Cleanup(func() {
		if t.Failed() {
			t.Logf("repeat with -run '^%s$' -car.seed %d", t.Name(), seed)
		}
	})
	return &source{rand.New(rand.NewPCG(seed, 1)), t}
}

func (s *source) bytes(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(s.Uint32())
	}
	return b
}

func (s *source) do(err error) {
	s.Helper()
	if err != nil {
		s.Fatal(err)
	}
}

// store opens an empty engine, closed with the test.
func store(t *testing.T) *engine.Engine {
	t.Helper()
	kv, err := memkv.NewDisk(memkv.Options{MovingHints: true}).Open()
	if err != nil {
		t.Fatal(err)
	}
	e, err := engine.New(kv, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := e.Close(); err != nil && !errors.Is(err, engine.ErrClosed) {
			t.Error(err)
		}
	})
	return e
}

func (s *source) branch(e *engine.Engine, name string) *engine.Branch {
	s.Helper()
	b, err := e.Branch(ctx, name)
	s.do(err)
	return b
}

// edits are n random edits of all kinds of values. Of the linked blocks some are
// put into the store.
func (s *source) edits(e *engine.Engine, n int) (edits []prolly.Edit) {
	for range n {
		ed := prolly.Edit{Key: fmt.Appendf(nil, "key/%04x", s.IntN(4*n))}
		switch s.IntN(20) {
		case 0:
			ed.Value.Bytes = s.bytes(1300 + s.IntN(5000))
		case 1:
			ed.Value.Bytes = bytes.Repeat([]byte{byte(s.IntN(3))}, 3000) // in many places
		case 2, 3:
			block := s.bytes(1 + s.IntN(100))
			ed.Value.Link = codec.RawCID(block)
			if s.IntN(2) == 0 {
				s.do(e.PutBlock(ctx, ed.Value.Link, block))
			}
		case 4:
			ed.Delete = true
		default:
			ed.Value.Bytes = s.bytes(s.IntN(120))
		}
		edits = append(edits, ed)
	}
	if s.IntN(3) == 0 {
		edits = append(edits, prolly.Edit{Key: []byte("large"), Value: prolly.Value{Bytes: s.bytes(2 << 20)}})
	}
	return edits
}

// commits makes n commits of edits.
func (s *source) commits(b *engine.Branch, n, edits int) (list []engine.Commit) {
	s.Helper()
	for range n {
		s.do(b.Apply(ctx, s.edits(b.Engine(), edits)))
		c, err := b.Commit(ctx, engine.CommitOptions{})
		s.do(err)
		list = append(list, c)
	}
	return list
}

// export returns a file.
func (s *source) export(e *engine.Engine, c cid.Cid, o ExportOptions) ([]byte, Stats) {
	s.Helper()
	var w bytes.Buffer
	st, err := Export(ctx, e, &w, c, o)
	s.do(err)
	if st.Bytes != uint64(w.Len()) || st.Root != c {
		s.Errorf("%+v of a file of %d bytes about %v", st, w.Len(), c)
	}
	return w.Bytes(), st
}

// take imports a file that must be good.
func (s *source) take(b *engine.Branch, file []byte, o ImportOptions) Imported {
	s.Helper()
	r, err := Import(ctx, b, bytes.NewReader(file), o)
	s.do(err)
	return r
}

// section is a block of a file.
type section struct {
	cid   cid.Cid
	block []byte
}

// listed reads a file with go-car, which verifies every block.
func (s *source) listed(file []byte) (root cid.Cid, list []section) {
	s.Helper()
	r, err := carv2.NewBlockReader(bytes.NewReader(file))
	s.do(err)
	if r.Version != 1 || len(r.Roots) != 1 {
		s.Fatalf("version %d, roots %v", r.Version, r.Roots)
	}
	for {
		b, err := r.Next()
		if err == io.EOF {
			return r.Roots[0], list
		}
		s.do(err)
		list = append(list, section{b.Cid(), b.RawData()})
	}
}

// file puts blocks into a file.
func (s *source) file(root cid.Cid, list []section) []byte {
	s.Helper()
	var out bytes.Buffer
	w, err := newWriter(&out, root)
	s.do(err)
	for _, x := range list {
		s.do(w.section(x.cid.Bytes(), x.block))
	}
	s.do(w.flush())
	return out.Bytes()
}

// sound checks a whole store.
func (s *source) sound(e *engine.Engine) {
	s.Helper()
	s.do(e.Check(ctx, func(p engine.Problem) { s.Errorf("check: %v", p) }))
}
