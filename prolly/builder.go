package prolly

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
)

// Builder is Build for those who have no sequence: it takes the entries one by
// one. It belongs to one goroutine at a time; beyond the first run of entries
// others do most of the work:
//
//	Add: check, copy │ runs │ cut, encode │ jobs │ hash → store → level 1 → …
//	                 ← free ←             ← free ←
type Builder struct {
	b    *builder
	n    uint64
	last []byte    // the key before
	kept []byte    // memory of last, when its run has gone
	run  *entryRun // being filled
	line *entryLine
	err  error // that ended it
	over bool
}

// NewBuilder begins a tree. Finish it, or Close it.
func NewBuilder(ctx context.Context, ns NodeStore) *Builder {
	return newBuilder(ctx, ns).builder()
}

func (b *builder) builder() *Builder { return &Builder{b: b, run: &entryRun{}} }

// Add takes the next entry, whose bytes are the caller's again afterwards. One
// out of order is ErrUnsorted, one that no tree would take an error as from
// Apply; neither was added, and the next may be. After any other error nothing
// can be added.
func (b *Builder) Add(e Entry) error {
	if b.err != nil {
		return b.err
	}
	large := len(e.Value.Bytes) > codec.MaxItem // it may have to be written
	if large && !b.ascends(e.Key) {
		return b.unsorted(e.Key)
	}
	leaf, err := storedEntry(b.b.w.ctx, b.b.w.ns, e.Key, e.Value)
	if err != nil {
		return err
	}
	// The bytes of most entries are not at hand. To copy them waits once for key
	// and value; to compare first waits for the key, and then for the value.
	key := b.run.add(leaf)
	if !large && !b.ascends(key) {
		b.run.undo()
		return b.unsorted(e.Key)
	}
	b.last = key
	b.n++
	if b.run.full() {
		return b.pass()
	}
	return nil
}

// ascends tells whether a key is after all that came before.
func (b *Builder) ascends(key []byte) bool {
	return b.n == 0 || bytes.Compare(b.last, key) < 0
}

func (b *Builder) unsorted(key []byte) error {
	return fmt.Errorf("%w: entry %d (%q after %q)", ErrUnsorted, b.n, clip(key), clip(b.last))
}

// Finish returns the tree.
func (b *Builder) Finish() (Tree, error) {
	err := b.err
	if err == nil {
		err = b.pass()
	}
	b.over = true
	if err = errors.Join(err, b.wait()); err != nil {
		return Tree{}, b.b.failed(err)
	}
	return b.b.finish()
}

// Close gives up what is not finished. It does nothing after Finish.
func (b *Builder) Close() error {
	if b.over {
		return nil
	}
	b.over = true
	_ = b.wait() // of no interest any more
	return b.b.close()
}

// pass lets the others have the run, and begins another.
func (b *Builder) pass() error {
	b.kept = append(b.kept[:0], b.last...)
	b.last = b.kept
	if b.line == nil && b.run.full() && runtime.GOMAXPROCS(0) > 1 {
		b.line = newEntryLine(b.b)
	}
	if b.line == nil {
		b.err = b.b.take(b.run)
		b.run.clear()
	} else if b.run = b.line.swap(b.run); b.run == nil {
		b.err = b.wait()
	}
	return b.err
}

// wait ends the line.
func (b *Builder) wait() error {
	l := b.line
	if l == nil {
		return nil
	}
	b.line = nil
	close(l.full)
	<-l.done
	return l.err
}

// take makes leaves of a run's entries. What is left of them is copied, so that
// the run can be used again.
func (b *builder) take(r *entryRun) error {
	for _, e := range r.leaves {
		if err := b.addLeaf(e); err != nil {
			return err
		}
	}
	if b.leaf != nil {
		s := b.leaf.items.leaf
		for i := max(0, len(s)-len(r.leaves)); i < len(s); i++ {
			e := &s[i]
			e.Key, e.Value, e.Link = b.arena.clone(e.Key), b.arena.clone(e.Value), b.arena.clone(e.Link)
		}
	}
	return b.w.ctx.Err()
}

// entryRun is a run of entries and their bytes.
type entryRun struct {
	free   []byte // what is left of the newest memory
	memory []byte
	size   int
	leaves []codec.LeafEntry
}

const (
	runBytes   = 128 << 10 // when a run is full
	runsAround = 4         // of a Builder, in all
)

func (r *entryRun) full() bool { return r.size >= runBytes }

// add copies an entry and returns its key, which is valid until clear.
func (r *entryRun) add(e codec.LeafEntry) []byte {
	n := len(e.Key) + len(e.Value) + len(e.Link)
	r.size += n
	if n > len(r.free) { // earlier entries keep the memory they are in
		r.memory = make([]byte, max(min(2*len(r.memory), runBytes+codec.MaxItem), 1<<10, n))
		r.free = r.memory
	}
	e.Key, e.Value, e.Link = r.copy(e.Key), r.copy(e.Value), r.copy(e.Link)
	r.leaves = append(r.leaves, e)
	return e.Key
}

func (r *entryRun) copy(b []byte) []byte {
	if b == nil {
		return nil
	}
	c := r.free[:len(b):len(b)]
	r.free = r.free[copy(c, b):]
	return c
}

// undo takes the last entry back, but not its memory.
func (r *entryRun) undo() {
	last := &r.leaves[len(r.leaves)-1]
	r.size -= len(last.Key) + len(last.Value) + len(last.Link)
	r.leaves = r.leaves[:len(r.leaves)-1]
}

func (r *entryRun) clear() { r.free, r.size, r.leaves = r.memory, 0, r.leaves[:0] }

// entryLine makes leaves of runs in a goroutine, which ends when full is closed.
type entryLine struct {
	full, free chan *entryRun
	stop       chan struct{} // closed after an error
	done       chan struct{}
	err        error // to be read after done
}

func newEntryLine(b *builder) *entryLine {
	l := &entryLine{
		full: make(chan *entryRun, runsAround), free: make(chan *entryRun, runsAround),
		stop: make(chan struct{}), done: make(chan struct{}),
	}
	for range runsAround - 1 {
		l.free <- &entryRun{}
	}
	go l.work(b)
	return l
}

func (l *entryLine) work(b *builder) {
	defer close(l.done)
	for r := range l.full {
		if l.err = b.take(r); l.err != nil {
			close(l.stop)
			return
		}
		r.clear()
		l.free <- r
	}
}

// swap passes a run on and returns an empty one; nil after an error.
func (l *entryLine) swap(r *entryRun) *entryRun {
	select {
	case l.full <- r:
	case <-l.stop:
		return nil
	}
	select {
	case r = <-l.free:
		return r
	case <-l.stop:
		return nil
	}
}
