package sync

import (
	"bytes"
	"context"
	"encoding/binary"

	"fmt"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// lure is an honest difference, to be falsified: a step from a commit that both
// sides have to the next.
type lure struct {
	t     testing.TB
	hub   *engine.Engine
	first engine.Commit // both have
	old   engine.Commit // before first
	next  engine.Commit // only the hub has
	block []byte        // of next
	run   []byte        // edits from first to next
	blobs [][2][]byte   // CIDs and blocks that next names
}

func newLure(t testing.TB) *lure {
	l := &lure{t: t, hub: replica(t, "memory")}
	b := must(l.hub.Branch(ctx, "main"))(t)
	for i := range 200 {
		do(t, b.Put(ctx, fmt.Appendf(nil, "key %03d", i), []byte("value")))
	}
	l.old = must(b.Commit(ctx, engine.CommitOptions{}))(t)
	do(t, b.Put(ctx, []byte("key 001"), []byte("changed")))
	l.first = must(b.Commit(ctx, engine.CommitOptions{}))(t)
	var run runWriter
	edits := []prolly.Edit{
		{Key: []byte("key 003"), Value: prolly.Value{Bytes: []byte("new")}},
		{Key: []byte("key 005"), Delete: true},
		{Key: []byte("key 007"), Value: prolly.Value{Bytes: bytes.Repeat([]byte("long "), 1000)}},
	}
	do(t, b.Apply(ctx, edits))
	for _, e := range edits {
		if e.Delete {
			run.add(e.Key, nil)
			continue
		}
		got := must(b.Lookup(ctx, e.Key))(t)
		run.add(e.Key, &got.Value)
		if got.Value.Kind() == codec.Blob {
			l.blobs = append(l.blobs, [2][]byte{got.Value.Blob().Bytes(), e.Value.Bytes})
		}
	}
	l.run = run.b
	l.next = must(b.Commit(ctx, engine.CommitOptions{}))(t)
	l.block = must(l.hub.ReadBlock(ctx, l.next.CID))(t)
	return l
}

func (l *lure) version(c engine.Commit) Version {
	return Version{Commit: c.CID, Root: c.Root, Entries: 200, Bytes: 3000}
}

// head, step, blocks and end are the honest frames.
func (l *lure) head(w *frameWriter, s status, c engine.Commit) {
	do(l.t, w.write(frameHead, must(head{s, l.version(c)}.append(nil))(l.t)))
}

func (l *lure) step(w *frameWriter) {
	do(l.t, w.write(frameStep, must(appendStep(nil, l.first.Root, l.next.Root, l.block))(l.t)))
}

func (l *lure) sendBlobs(w *frameWriter) {
	for _, b := range l.blobs {
		do(l.t, w.write(frameBlock, b[0], b[1]))
	}
}

// steps writes what follows the head, with another run.
func (l *lure) steps(w *frameWriter, run []byte) {
	l.step(w)
	do(l.t, w.write(frameRun, run))
	l.sendBlobs(w)
	do(l.t, w.write(frameStepEnd))
}

// raw writes bytes that are no frame.
func raw(w *frameWriter, b ...byte) {
	_, err := w.w.Write(b)
	w.err = err
}

// falsified is a stream of steps that nobody may accept.
type falsified struct {
	name   string
	want   error
	budget Budget
	write  func(l *lure, w *frameWriter) // after the head; the end is written unless it fails
	cut    bool                          // no end
}

// edit makes a run of edits by hand.
func oneEdit(key string, kind byte, value ...byte) []byte {
	b := append([]byte{kind}, binary.AppendUvarint(nil, uint64(len(key)))...)
	return append(append(b, key...), value...)
}

func commitWith(l *lure, change func(c *codec.Commit)) []byte {
	c := l.next.Commit
	change(&c)
	return must(c.Encode())(l.t)
}

// withCommit sends the honest edits as those of another commit.
func withCommit(l *lure, w *frameWriter, block []byte) {
	do(l.t, w.write(frameStep, must(appendStep(nil, l.first.Root, l.next.Root, block))(l.t)))
	do(l.t, w.write(frameRun, l.run))
	l.sendBlobs(w)
	do(l.t, w.write(frameStepEnd))
}

// run is a falsification of the edits alone.
func runOf(name string, run func(l *lure) []byte) falsified {
	return falsified{name: name, want: ErrProtocol, write: func(l *lure, w *frameWriter) { l.steps(w, run(l)) }}
}

func fixed(b []byte) func(*lure) []byte { return func(*lure) []byte { return b } }

var falsifications = []falsified{
	{name: "wrong root", want: ErrWrongRoot, write: func(l *lure, w *frameWriter) {
		l.steps(w, oneEdit("key 003", 0, 3, 'l', 'i', 'e'))
	}},
	{name: "wrong hash of a block", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameBlock, l.blobs[0][0], []byte("another")))
		do(l.t, w.write(frameRun, l.run))
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "block under an unknown hash", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameBlock, []byte{1, 0x55, 0xf0, 0x7f, 2, 1, 2}, []byte("x")))
	}},
	{name: "identity block with other bytes", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameBlock, cid.NewCidV1(cid.Raw, must(mh.Sum([]byte("one"), mh.IDENTITY, -1))(l.t)).Bytes(), []byte("two")))
	}},
	{name: "block without a name", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameBlock, []byte{0xff, 0xff, 0xff}))
	}},
	{name: "missing block of a value", want: ErrMissing, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameRun, l.run))
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "cut within a frame", want: ErrTruncated, cut: true, write: func(l *lure, w *frameWriter) {
		l.step(w)
		raw(w, frameRun, 100, 1, 2)
	}},
	{name: "cut before a length", want: ErrTruncated, cut: true, write: func(l *lure, w *frameWriter) { raw(w, frameStep) }},
	{name: "cut between frames", want: ErrTruncated, cut: true, write: func(l *lure, w *frameWriter) { l.step(w) }},
	{name: "cut before the end", want: ErrTruncated, cut: true, write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }},
	{name: "length bomb", want: ErrProtocol, cut: true, write: func(l *lure, w *frameWriter) {
		raw(w, frameRun, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f)
	}},
	{name: "length just over a frame's", want: ErrProtocol, cut: true, write: func(l *lure, w *frameWriter) {
		raw(w, append([]byte{frameRun}, binary.AppendUvarint(nil, maxFrame+1)...)...)
	}},
	{name: "large block announced, little sent", want: ErrTruncated, cut: true, write: func(l *lure, w *frameWriter) {
		l.step(w)
		raw(w, append([]byte{frameBlock}, binary.AppendUvarint(nil, maxBlockFrame)...)...)
	}},
	{name: "length not in its shortest form", want: ErrProtocol, write: func(l *lure, w *frameWriter) { raw(w, frameStepEnd, 0x80, 0) }},
	{name: "frame of unknown kind", want: ErrProtocol, write: func(l *lure, w *frameWriter) { do(l.t, w.write('?', nil)) }},
	{name: "head among steps", want: ErrProtocol, write: func(l *lure, w *frameWriter) { l.head(w, statusSteps, l.next) }},
	{name: "step within a step", want: ErrProtocol, write: func(l *lure, w *frameWriter) { l.step(w); l.step(w) }},
	{name: "step without an end", want: ErrProtocol, write: func(l *lure, w *frameWriter) { l.step(w) }},
	{name: "end without a step", want: ErrProtocol, write: func(l *lure, w *frameWriter) { do(l.t, w.write(frameStepEnd)) }},
	{name: "end of a step with bytes", want: ErrProtocol, write: func(l *lure, w *frameWriter) { l.step(w); do(l.t, w.write(frameStepEnd, []byte{1})) }},
	{name: "entries outside of a step", want: ErrProtocol, write: func(l *lure, w *frameWriter) { do(l.t, w.write(frameRun, l.run)) }},
	{name: "end with bytes", want: ErrProtocol, cut: true, write: func(l *lure, w *frameWriter) { l.steps(w, l.run); do(l.t, w.write(frameEnd, []byte{1})) }},
	{name: "bytes after the end", want: ErrProtocol, cut: true, write: func(l *lure, w *frameWriter) {
		l.steps(w, l.run)
		do(l.t, w.write(frameEnd))
		raw(w, 1)
	}},
	{name: "empty step", want: ErrProtocol, write: func(l *lure, w *frameWriter) { do(l.t, w.write(frameStep)) }},
	{name: "step with unknown flags", want: ErrProtocol, write: func(l *lure, w *frameWriter) { do(l.t, w.write(frameStep, make([]byte, 65))); raw(w) }},
	{name: "base that is not here", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		do(l.t, w.write(frameStep, must(appendStep(nil, codec.Sum([]byte("?")).CID(), l.next.Root, l.block))(l.t)))
		do(l.t, w.write(frameRun, l.run))
		l.sendBlobs(w)
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "commit of another root", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		withCommit(l, w, commitWith(l, func(c *codec.Commit) { c.Root = l.first.Root }))
	}},
	{name: "malformed commit", want: ErrProtocol, write: func(l *lure, w *frameWriter) { withCommit(l, w, l.block[:len(l.block)-1]) }},
	{name: "another commit than announced", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		withCommit(l, w, commitWith(l, func(c *codec.Commit) { c.Time++ }))
	}},
	{name: "commit without its parents", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		withCommit(l, w, commitWith(l, func(c *codec.Commit) { c.Parents = []cid.Cid{codec.Sum([]byte("none")).CID()} }))
	}},
	{name: "commit with a Seq too large", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		withCommit(l, w, commitWith(l, func(c *codec.Commit) { c.Seq = 99 }))
	}},
	{name: "commit older than its parent", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		withCommit(l, w, commitWith(l, func(c *codec.Commit) { c.Seq = 2 }))
	}},
	{name: "deletion from nothing", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		do(l.t, w.write(frameStep, must(appendStep(nil, emptyRoot, l.next.Root, l.block))(l.t)))
		do(l.t, w.write(frameRun, oneEdit("key 003", kindDelete)))
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "keys out of order across runs", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		l.step(w)
		do(l.t, w.write(frameRun, oneEdit("key 005", kindDelete)))
		do(l.t, w.write(frameRun, oneEdit("key 003", kindDelete)))
		do(l.t, w.write(frameStepEnd))
	}},
	runOf("keys out of order", fixed(append(oneEdit("b", kindDelete), oneEdit("a", kindDelete)...))),
	runOf("key twice", fixed(append(oneEdit("b", kindDelete), 1<<2|kindDelete, 0))),
	runOf("empty run", fixed(nil)),
	runOf("empty key", fixed(oneEdit("", kindDelete))),
	runOf("key too long", fixed(oneEdit(strings.Repeat("k", codec.MaxKey+1), kindDelete))),
	runOf("key that shares what is not there", fixed(append(oneEdit("a", kindDelete), 9<<2|kindDelete, 1, 'x'))),
	runOf("key that shares more than it says", fixed(append(oneEdit("ab", kindDelete), oneEdit("ac", kindDelete)...))),
	runOf("shared length bomb", fixed(append(oneEdit("a", kindDelete), 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 1))),
	runOf("value length bomb", fixed(oneEdit("key 003", 0, 0xff, 0xff, 0xff, 0xff, 0x7f))),
	runOf("long value inline", fixed(oneEdit("key 003", 0, append(binary.AppendUvarint(nil, 2000), make([]byte, 2000)...)...))),
	runOf("short value out of line", fixed(oneEdit("key 003", 1, append([]byte{5, cid.Raw}, make([]byte, 32)...)...))),
	runOf("value of impossible size", fixed(oneEdit("key 003", 1, append(binary.AppendUvarint(nil, 1<<50), append([]byte{cid.DagCBOR}, make([]byte, 32)...)...)...))),
	runOf("large value in one block", fixed(oneEdit("key 003", 1, append(binary.AppendUvarint(nil, 2<<20), append([]byte{cid.Raw}, make([]byte, 32)...)...)...))),
	runOf("value under an unknown codec", fixed(oneEdit("key 003", 1, append(binary.AppendUvarint(nil, 5000), append([]byte{7}, make([]byte, 32)...)...)...))),
	runOf("malformed link", fixed(oneEdit("key 003", 2, 3, 9, 9, 9))),
	runOf("link too long", fixed(oneEdit("key 003", 2, append([]byte{0xc8, 1}, append([]byte{1, 0x55, 0, 0xc4, 1}, make([]byte, 195)...)...)...))),
	runOf("number not in its shortest form", fixed(oneEdit("key 003", 0, 0x83, 0, 'l', 'i', 'e'))),
	{name: "size that the value's block does not have", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		v := prolly.OutOfLine(must(cid.Cast(l.blobs[0][0]))(l.t), 4999)
		var run runWriter
		run.add([]byte("key 007"), &v)
		l.steps(w, run.b)
	}},
	{name: "list that names itself many times over", want: ErrBudget, budget: Budget{ValueBytes: 1 << 24}, write: func(l *lure, w *frameWriter) {
		list := codec.ChunkList{}
		for range 2 {
			list.Lengths = append(list.Lengths, 1<<30)
			list.Links = append(list.Links, codec.ListCID([]byte("below")))
			list.Total += 1 << 30
		}
		block := list.Append(nil)
		v := prolly.OutOfLine(codec.ListCID(block), list.Total)
		var run runWriter
		run.add([]byte("key 007"), &v)
		l.step(w)
		do(l.t, w.write(frameRun, run.b))
		do(l.t, w.write(frameBlock, codec.ListCID(block).Bytes(), block))
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "list that is none", want: ErrProtocol, write: func(l *lure, w *frameWriter) {
		block := []byte("no list of chunks")
		v := prolly.OutOfLine(codec.ListCID(block), 2<<20)
		var run runWriter
		run.add([]byte("key 007"), &v)
		l.step(w)
		do(l.t, w.write(frameRun, run.b))
		do(l.t, w.write(frameBlock, codec.ListCID(block).Bytes(), block))
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "lists below lists below lists", want: ErrBudget, budget: Budget{Depth: 3}, write: func(l *lure, w *frameWriter) {
		l.step(w)
		below, size := codec.ListCID([]byte("below")), uint64(2<<20)
		var blocks [][]byte
		for range 6 {
			list := codec.ChunkList{Total: 2 * size, Lengths: []uint64{size, size}, Links: []cid.Cid{below, below}}
			block := list.Append(nil)
			blocks, below, size = append(blocks, block), codec.ListCID(block), 2*size
		}
		v := prolly.OutOfLine(below, size)
		var run runWriter
		run.add([]byte("key 007"), &v)
		do(l.t, w.write(frameRun, run.b))
		for _, b := range blocks {
			do(l.t, w.write(frameBlock, codec.ListCID(b).Bytes(), b))
		}
		do(l.t, w.write(frameStepEnd))
	}},
	{name: "too many entries", want: ErrBudget, budget: Budget{Entries: 2}, write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }},
	{name: "too many bytes", want: ErrBudget, budget: Budget{Bytes: 300}, write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }},
	{name: "too large blocks", want: ErrBudget, budget: Budget{BlockBytes: 100}, write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }},
	{name: "flood of blocks that nobody names", want: ErrBudget, budget: Budget{Blocks: 500}, write: func(l *lure, w *frameWriter) {
		l.step(w)
		for i := range 1000 {
			b := fmt.Appendf(nil, "block %d", i)
			do(l.t, w.write(frameBlock, codec.RawCID(b).Bytes(), b))
		}
	}},
	{name: "flood of steps", want: ErrBudget, budget: Budget{Commits: 50}, write: func(l *lure, w *frameWriter) {
		for range 1000 {
			do(l.t, w.write(frameStep, must(appendStep(nil, l.first.Root, l.first.Root, nil))(l.t)))
			do(l.t, w.write(frameStepEnd))
		}
	}},
}

// listed makes sure that the file beside this test names the behaviours, and no
// others, of its section.
func listed(t *testing.T, section string, names []string) {
	t.Helper()
	b := must(os.ReadFile("testdata/hostile.txt"))(t)
	var want []string
	at := ""
	for line := range strings.Lines(string(b)) {
		line = strings.TrimRight(line, "\n")
		switch {
		case strings.HasPrefix(line, "# "):
			at = line[2:]
		case line != "" && at == section:
			want = append(want, line)
		}
	}
	if !slices.Equal(names, want) {
		t.Errorf("testdata/hostile.txt, section %q, lists\n%s\ninstead of\n%s", section, strings.Join(want, "\n"), strings.Join(names, "\n"))
	}
}

// victim is a replica that has what both sides of a lure have.
func (l *lure) victim(t testing.TB) (*engine.Engine, *engine.Branch) {
	e := replica(t, "memory")
	s := serve(t, NewHandler(l.hub, HandlerOptions{}))
	c := client(t, s)
	must(l.hub.CreateBranch(ctx, "first", l.first.CID))(t)
	must(c.Clone(ctx, e, CloneOptions{Branch: "first", As: "main"}))(t)
	do(t, l.hub.DeleteBranch(ctx, "first"))
	do(t, e.DeleteTag(ctx, TrackingTag("origin", "first")))
	do(t, e.Tag(ctx, TrackingTag("origin", "main"), l.first.CID))
	return e, must(e.Lookup(ctx, "main"))(t)
}

// unchanged makes sure that nothing of what a peer sent is visible.
func (l *lure) unchanged(t testing.TB, e *engine.Engine, b *engine.Branch) {
	t.Helper()
	if c := must(b.Head(ctx))(t); c.CID != l.first.CID {
		t.Errorf("Y1 violated: the head is %v", c.CID)
	}
	if root := must(b.Root(ctx))(t); root != l.first.Root {
		t.Errorf("Y1 violated: the root is %v", root)
	}
	do(t, e.Check(ctx, func(p engine.Problem) { t.Errorf("Y1 violated: %v", p) }))
}

// answering is a server that answers pulls with given bytes, and nothing else.
func answering(b []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", contentType)
		if r.URL.Path == pathBlocks {
			b = []byte{frameEnd, 0}
		}
		_, _ = w.Write(b) // the client may have gone
	})
}

func (f falsified) message(l *lure, before func(w *frameWriter)) []byte {
	var out bytes.Buffer
	w := newFrameWriter(&out)
	before(w)
	f.write(l, w)
	if !f.cut {
		do(l.t, w.end())
	}
	do(l.t, w.w.Flush())
	return out.Bytes()
}

// TestHostileServers: each falsified answer is a typed error, and nothing
// changes.
func TestHostileServers(t *testing.T) {
	l := newLure(t)
	e, b := l.victim(t)
	var names []string
	for _, f := range falsifications {
		names = append(names, f.name)
		t.Run(f.name, func(t *testing.T) {
			s := serve(t, answering(f.message(l, func(w *frameWriter) { l.head(w, statusSteps, l.next) })))
			c := client(t, s)
			c.Budget, c.Retries = f.budget, -1
			_, err := c.Pull(ctx, b, PullOptions{})
			want(t, err, f.want)
			l.unchanged(t, e, b)
		})
	}
	listed(t, "streams, sent by servers and by clients", names)
	// What was falsified is accepted as it should have been.
	honest := falsified{write: func(l *lure, w *frameWriter) { l.steps(w, l.run) }}
	s := serve(t, answering(honest.message(l, func(w *frameWriter) { l.head(w, statusSteps, l.next) })))
	must(client(t, s).Pull(ctx, b, PullOptions{}))(t)
	if c := must(b.Head(ctx))(t); c.CID != l.next.CID {
		t.Fatalf("the honest answer leads to %v", c.CID)
	}
}

// TestHostileClients: each falsified push is a typed error, nothing changes, and
// the service goes on (Y5).
func TestHostileClients(t *testing.T) {
	l := newLure(t)
	e, b := l.victim(t)
	for _, f := range falsifications {
		t.Run(f.name, func(t *testing.T) {
			s := serve(t, NewHandler(e, HandlerOptions{Authorize: writable, Budget: f.budget}))
			msg := f.message(l, func(w *frameWriter) {
				l.head(w, statusPush, l.first)
				l.head(w, statusPush, l.next)
			})
			want(t, post(t, s, pathPush+"?branch=main", contentType, bytes.NewReader(msg)), f.want)
			l.unchanged(t, e, b)
			if got := must(client(t, s).Branches(ctx))(t); len(got) != 1 {
				t.Errorf("Y5 violated: %v", got)
			}
		})
	}
}

// post sends what it is told to, and returns the error of the answer.
func post(t testing.TB, s *server, path, kind string, body io.Reader) error {
	t.Helper()
	return request(t, s, http.MethodPost, path, kind, body, nil)
}

func request(t testing.TB, s *server, method, path, kind string, body io.Reader, change func(r *http.Request)) error {
	t.Helper()
	c := client(t, s)
	x := c.exchange(nil, "main")
	r := must(http.NewRequestWithContext(ctx, method, s.URL+path, body))(t)
	if kind != "" {
		r.Header.Set("Content-Type", kind)
	}
	if change != nil {
		change(r)
	}
	resp, err := c.HTTP.Do(r)
	if err != nil {
		return fmt.Errorf("%w: %w", errBroken, err)
	}
	idle := time.AfterFunc(time.Minute, func() {})
	ctx, cancel := context.WithCancelCause(ctx)
	a := &answered{x: x, body: resp.Body, ctx: ctx, cancel: cancel, idle: idle}
	defer a.close()
	if resp.StatusCode != http.StatusOK {
		return a.refused(resp.StatusCode)
	}
	fr := newFrameReader(a, &meter{b: DefaultBudget})
	for {
		kind, _, err := fr.next()
		if err != nil || kind == frameEnd {
			return err
		}
	}
}
