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
//
// The bytes of most entries are not at hand, and waiting for them is most of the
// work, unless the processor reaches the next entry meanwhile. So the way of the
// common entry is a short one.
func (b *Builder) Add(e Entry) error {
	if b.err == nil && e.plain() {
		return b.add(e.Key, e.Value.Bytes, codec.Inline, 0)
	}
	return b.addStored(e)
}

// plain tells whether a leaf will hold the entry as it is.
func (e *Entry) plain() bool {
	v := &e.Value
	return v.Bytes != nil && v.blob == nil && !v.Link.Defined() &&
		len(e.Key) > 0 && len(e.Key) <= codec.MaxKey && codec.FitsInline(len(e.Key), len(v.Bytes))
}

// addStored is Add of any entry.
func (b *Builder) addStored(e Entry) error {
	if b.err != nil {
		return b.err
	}
	if len(e.Value.Bytes) > codec.MaxItem && !b.ascends(e.Key) { // it may have to be written
		return b.unsorted(e.Key)
	}
	leaf, err := storedEntry(b.b.w.ctx, b.b.w.ns, e.Key, e.Value)
	if err != nil {
		return err
	}
	if leaf.Kind == codec.Inline {
		return b.add(leaf.Key, leaf.Value, leaf.Kind, 0)
	}
	return b.add(leaf.Key, leaf.Link, leaf.Kind, leaf.Size)
}

// add takes the next entry as a leaf holds it. To copy it first waits once for
// key and value; to compare first waits for the key, and then for the value.
func (b *Builder) add(key, rest []byte, kind codec.Kind, size uint64) error {
	r := b.run
	added := r.add(key, rest, kind, size)
	if !b.ascends(added) {
		r.undo()
		return b.unsorted(key)
	}
	b.last = added
	b.n++
	if r.full() {
		return b.pass()
	}
	return nil
}

// ascends tells whether a key, which is not empty, is after all that came before.
func (b *Builder) ascends(key []byte) bool { return bytes.Compare(b.last, key) < 0 }

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
	at := 0
	for i := range r.items {
		if err := b.addLeaf(r.entry(i, &at)); err != nil {
			return err
		}
	}
	if b.leaf != nil {
		s := b.leaf.items.leaf
		for i := max(0, len(s)-len(r.items)); i < len(s); i++ {
			e := &s[i]
			e.Key, e.Value, e.Link = b.arena.clone(e.Key), b.arena.clone(e.Value), b.arena.clone(e.Link)
		}
	}
	return b.w.ctx.Err()
}

// entryRun is a run of entries: their bytes, each key followed by its value or
// link, and what else there is to know of each.
//
//	bytes   key 0 │ value 0 │ key 1 │ link 1 │ …
//	items   lengths, kind and size of 0, of 1, …
type entryRun struct {
	bytes []byte
	items []runItem
}

type runItem struct {
	size      uint64 // of a Blob, in bytes
	key, rest uint32 // lengths in bytes
	kind      codec.Kind
}

const (
	runBytes   = 128 << 10 // when a run is full
	runsAround = 4         // of a Builder, in all
)

func (r *entryRun) full() bool { return len(r.bytes) >= runBytes }

// add copies an entry and returns its key, which is valid until clear.
func (r *entryRun) add(key, rest []byte, kind codec.Kind, size uint64) []byte {
	at := len(r.bytes)
	mid := at + len(key)
	end := mid + len(rest)
	if end > cap(r.bytes) {
		r.grow(end)
	}
	r.bytes = r.bytes[:end]
	copy(r.bytes[at:mid], key)
	copy(r.bytes[mid:end], rest)
	r.items = append(r.items, runItem{size, uint32(len(key)), uint32(len(rest)), kind})
	return r.bytes[at:mid:mid]
}

// grow makes room for n bytes. Keys that were returned keep the memory they are in.
func (r *entryRun) grow(n int) {
	bytes := make([]byte, len(r.bytes), max(n, min(2*cap(r.bytes), runBytes+codec.MaxItem), 1<<10))
	copy(bytes, r.bytes)
	r.bytes = bytes
}

// entry returns entry i, whose bytes begin at *at, and moves that to the next. It
// is valid until clear.
func (r *entryRun) entry(i int, at *int) codec.LeafEntry {
	x := &r.items[i]
	mid := *at + int(x.key)
	end := mid + int(x.rest)
	e := codec.LeafEntry{Key: r.bytes[*at:mid:mid], Kind: x.kind, Size: x.size}
	if e.Kind == codec.Inline {
		e.Value = r.bytes[mid:end:end]
	} else {
		e.Link = r.bytes[mid:end:end]
	}
	*at = end
	return e
}

// undo takes the last entry back.
func (r *entryRun) undo() {
	last := &r.items[len(r.items)-1]
	r.bytes = r.bytes[:len(r.bytes)-int(last.key)-int(last.rest)]
	r.items = r.items[:len(r.items)-1]
}

func (r *entryRun) clear() { r.bytes, r.items = r.bytes[:0], r.items[:0] }

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
