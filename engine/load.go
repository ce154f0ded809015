package engine

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Load puts many entries, in any order (ascending is fastest), later ones
// replacing earlier ones, in bounded memory. It bypasses staging: nothing is
// visible until it returns nil, and then everything is, durably. Edits staged
// before it lie below the entries, those staged meanwhile above, although their
// writers did not see the entries. It leaves no commit. n is how many entries it
// took.
//
// Open transactions that have read anything will conflict. Until it returns the
// branch is not folded and a garbage collection does not begin; the source of the entries must
// not ask for either, nor write more to the branch than may be staged.
func (b *Branch) Load(ctx context.Context, entries iter.Seq2[prolly.Entry, error]) (n uint64, err error) {
	return b.loadWith(ctx, func(l *load) error {
		for e, err := range entries {
			if err != nil {
				return err
			}
			if err := l.take(&e); err != nil {
				return err
			}
		}
		return nil
	})
}

// LoadBatches is Load for whom many entries are at hand at once. Their bytes, which
// are anywhere in memory, are then waited for together and not one after the other,
// which may well be most of a load. A batch is the caller's again when the next
// one is asked for.
func (b *Branch) LoadBatches(ctx context.Context, batches iter.Seq2[[]prolly.Entry, error]) (n uint64, err error) {
	return b.loadWith(ctx, func(l *load) error {
		for batch, err := range batches {
			if err != nil {
				return err
			}
			if err := l.takeAll(batch); err != nil {
				return err
			}
		}
		return nil
	})
}

// loadWith is Load of what take is given.
func (b *Branch) loadWith(ctx context.Context, take func(*load) error) (n uint64, err error) {
	err = b.advance(ctx, func(f *fold) error {
		f.bulk, f.w.bulk = true, true
		l := load{ctx: ctx, f: f}
		defer func() { n = l.n }()
		return l.run(take)
	})
	if err != nil {
		return n, err
	}
	return n, b.e.sync(ctx)
}

// applyAtOnce works edits into the tree without staging them. Other writers
// wait meanwhile, so that the edits are one step among theirs.
func (b *Branch) applyAtOnce(ctx context.Context, edits []prolly.Edit, sync bool) error {
	err := b.advance(ctx, func(f *fold) (err error) {
		if err := f.stopWriters(ctx); err != nil {
			return err
		}
		f.bulk, f.w.bulk = true, true
		for i := range edits {
			if v := edits[i].Value; !edits[i].Delete && v.Kind() != codec.Inline {
				if err := b.e.haveBlock(ctx, v); err != nil {
					return err
				}
			}
		}
		f.trees[theTree], err = applyThrough(ctx, f.w, f.trees[theTree], edits)
		return err
	})
	if err != nil || !sync {
		return err
	}
	return b.e.sync(ctx)
}

// loadRun is how much of the entries is held in memory, in bytes. Tests lower it.
var loadRun = 24 << 20

// loadOverhead is about what an entry takes in a run and while it is applied,
// beside its key and value, in bytes.
const loadOverhead = 240

// load is a Load under way. For an empty tree, one is built of the entries as long as
// they ascend. The others are gathered into runs. Runs that follow each other
// in key order are applied as they come; otherwise applying each would touch the
// whole tree, so they go sorted into temporary files, and are merged at the end.
type load struct {
	ctx context.Context
	f   *fold
	n   uint64

	seen byte // of touch, without meaning

	building *prolly.Builder // nil once an entry was out of order

	bytes []byte        // of the run
	edits []prolly.Edit // of the run
	size  int           // of the run

	reached []byte // the largest key applied
	sorted  sortedRuns
}

func (l *load) run(take func(*load) error) (err error) {
	defer func() { err = errors.Join(err, l.sorted.close()) }()
	if l.f.trees[theTree].Len() == 0 {
		l.building = prolly.NewBuilder(l.ctx, l.f.w)
		defer func() {
			if l.building != nil {
				err = errors.Join(err, l.building.Close())
			}
		}()
	}
	if err := take(l); err != nil {
		return err
	}
	if err := l.built(); err != nil {
		return err
	}
	return l.finish()
}

// touched is of how many entries the bytes are brought at once: few enough to
// stay in the nearest cache until they are copied.
const touched = 64

// takeAll takes the next entries.
func (l *load) takeAll(batch []prolly.Entry) error {
	for len(batch) > 0 {
		some := batch[:min(len(batch), touched)]
		l.touch(some)
		for i := range some {
			if err := l.take(&some[i]); err != nil {
				return err
			}
		}
		batch = batch[len(some):]
	}
	return nil
}

// touch reads a byte of each line of memory, about, that small entries are in. In
// a loop as short as this the processor asks for many before the first is there.
func (l *load) touch(some []prolly.Entry) {
	var x byte
	for i := range some {
		if k := some[i].Key; len(k) > 0 {
			x ^= k[0]
		}
		v := some[i].Value.Bytes
		v = v[:min(len(v), codec.MaxItem)]
		for j := 0; j < len(v); j += cacheLine {
			x ^= v[j]
		}
	}
	l.seen ^= x
}

// cacheLine is what a processor brings from memory at once, in bytes.
const cacheLine = 64

// take takes the next entry.
func (l *load) take(e *prolly.Entry) error {
	if l.n++; l.n%1024 == 0 {
		if err := l.f.b.e.ready(l.ctx); err != nil {
			return err
		}
	}
	if l.building == nil || e.Value.Kind() != codec.Inline {
		if err := l.check(e); err != nil {
			return err
		}
	}
	if l.building != nil {
		err := l.building.Add(*e)
		if err == nil {
			return nil
		}
		if err := l.check(e); err != nil {
			return err
		}
		if !errors.Is(err, prolly.ErrUnsorted) {
			return err
		}
		if err := l.built(); err != nil {
			return err
		}
	}
	return l.gather(*e)
}

// check tells whether the tree would take an entry, and the store has its block.
func (l *load) check(e *prolly.Entry) error {
	if err := prolly.CheckEdit(prolly.Edit{Key: e.Key, Value: e.Value}); err != nil {
		return fmt.Errorf("engine: load: entry %d: %w", l.n, err)
	}
	if e.Value.Kind() == codec.Inline {
		return nil
	}
	return l.f.b.e.haveBlock(l.ctx, e.Value)
}

// built ends the building.
func (l *load) built() (err error) {
	if l.building != nil {
		l.f.trees[theTree], err = l.building.Finish()
		l.building = nil
	}
	return err
}

// gather adds an entry to the run.
func (l *load) gather(e prolly.Entry) (err error) {
	v := e.Value
	if v.Kind() == codec.Inline {
		if v, err = prolly.StoreValue(l.ctx, l.f.w, e.Key, v.Bytes); err != nil {
			return err
		}
	}
	if l.full(e.Key, v) {
		if err := l.flush(); err != nil {
			return err
		}
	}
	l.hold(e.Key, v)
	return nil
}

// full tells whether the run has no room for one more.
func (l *load) full(key []byte, v prolly.Value) bool {
	return l.size+len(key)+len(v.Bytes)+loadOverhead > loadRun
}

// hold copies an edit into the run.
func (l *load) hold(key []byte, v prolly.Value) {
	size := len(key) + len(v.Bytes)
	if cap(l.bytes)-len(l.bytes) < size { // earlier edits keep the buffer they are in
		l.bytes = make([]byte, 0, 1<<20)
	}
	edit := prolly.Edit{Key: l.keep(key), Value: v}
	if v.Kind() == codec.Inline {
		edit.Value.Bytes = l.keep(v.Bytes)
	} else if v.Kind() == codec.Blob {
		edit.Value = v.Clone()
	}
	l.edits = append(l.edits, edit)
	l.size += size + loadOverhead
}

func (l *load) keep(b []byte) []byte {
	n := len(l.bytes)
	l.bytes = append(l.bytes, b...)
	return l.bytes[n:len(l.bytes):len(l.bytes)]
}

// flush applies the run, or puts it by.
func (l *load) flush() error {
	if len(l.edits) == 0 {
		return nil
	}
	order := prolly.SortEdits(l.edits)
	least, most := l.edits[order[0]].Key, l.edits[order[len(order)-1]].Key
	if l.sorted.empty() && bytes.Compare(least, l.reached) > 0 {
		l.reached = bytes.Clone(most)
		return l.apply()
	}
	if err := l.sorted.add(l.edits, order); err != nil {
		return err
	}
	l.clear()
	return nil
}

func (l *load) apply() (err error) {
	l.f.trees[theTree], err = applyThrough(l.ctx, l.f.w, l.f.trees[theTree], l.edits)
	l.clear()
	return err
}

func (l *load) clear() {
	clear(l.edits)
	l.edits, l.bytes, l.size = l.edits[:0], nil, 0
}

// finish applies what was gathered and what was put by, the latter in key
// order, so that each part of the tree is touched once.
func (l *load) finish() error {
	if l.sorted.empty() {
		return l.apply()
	}
	if err := l.flush(); err != nil {
		return err
	}
	for o, err := range l.sorted.merged() {
		if err != nil {
			return err
		}
		if err := l.f.b.e.ready(l.ctx); err != nil {
			return err
		}
		v, err := o.kind.value(o.data)
		if err != nil {
			return err
		}
		if l.full(o.key, v) {
			if err := l.apply(); err != nil {
				return err
			}
		}
		l.hold(o.key, v)
	}
	return l.apply()
}
