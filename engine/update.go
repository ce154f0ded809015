package engine

import (
	"context"
	"errors"
	"iter"

	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Update is what the function of Branch.Update reads and edits. It belongs to
// one goroutine, and to the call.
type Update struct {
	roots [roots]*Root
}

// Tree is what users see.
func (u *Update) Tree() *Root { return u.roots[theTree] }

// Side is what changes with it.
func (u *Update) Side() *Root { return u.roots[theSide] }

// Update calls f, which may read and edit the tree and the side tree, and
// stages its edits in one step when f returns nil. Updates run one after the
// other, and no other writer of the branch in between: f must not write to
// the branch, fold or commit it but through u, or it would wait for itself.
func (b *Branch) Update(ctx context.Context, f func(u *Update) error, d ...Durability) error {
	if err := b.room(ctx); err != nil {
		return err
	}
	inside, err := b.e.enter(ctx)
	if err != nil {
		return err
	}
	defer inside.leave()
	p := preparation{e: b.e}
	changed, err := b.update(ctx, f, &p)
	if err == nil && !changed {
		return nil
	}
	return errors.Join(b.afterStage(ctx, err, durable(d)), p.drop())
}

// update runs f and stages what it did, under the write gate.
func (b *Branch) update(ctx context.Context, f func(u *Update) error, p *preparation) (changed bool, err error) {
	if err := b.beginWrite(ctx); err != nil {
		return false, err
	}
	defer b.write.unlock()
	var u Update
	for root := range u.roots {
		u.roots[root] = &Root{b: b, root: rootID(root)}
	}
	defer func() {
		for _, r := range u.roots {
			r.over = true
		}
	}()
	if err := f(&u); err != nil {
		return false, err
	}
	for root, r := range u.roots {
		if err := p.addOwn(ctx, rootID(root), &r.own); err != nil {
			return false, err
		}
	}
	if len(p.ops) == 0 {
		return false, nil
	}
	return true, b.stage(ctx, p.ops, p.w)
}

// Root is one of the two trees of an Update: it sees the update's own edits. It
// is valid until the function returns, and answers ErrTxDone afterwards.
type Root struct {
	b    *Branch
	root rootID
	own  ownWrites
	over bool
}

func (r *Root) reader(ctx context.Context) (reader, error) {
	if err := r.b.e.ready(ctx); err != nil {
		return reader{}, err
	}
	if r.over {
		return reader{}, ErrTxDone
	}
	st := r.b.state.Load() // a fold may replace it, by one of the same content
	x := st.reader(r.root, st.seq(), r.b.e.nodes)
	x.own, x.ownSeq = r.own.over, r.own.seq
	return x, nil
}

// Get is as Branch.Get.
func (r *Root) Get(ctx context.Context, key []byte) ([]byte, error) {
	x, err := r.reader(ctx)
	if err != nil {
		return nil, err
	}
	return x.get(ctx, key)
}

// Has is as Branch.Has.
func (r *Root) Has(ctx context.Context, key []byte) (bool, error) {
	x, err := r.reader(ctx)
	if err != nil {
		return false, err
	}
	return x.has(ctx, key)
}

// Lookup is as Branch.Lookup.
func (r *Root) Lookup(ctx context.Context, key []byte) (prolly.Entry, error) {
	x, err := r.reader(ctx)
	if err != nil {
		return prolly.Entry{}, err
	}
	return x.lookup(ctx, key)
}

// Range is as Branch.Range, with the update's edits as of the start of the
// iteration; long values among those come with their bytes.
func (r *Root) Range(ctx context.Context, q prolly.Range) iter.Seq2[prolly.Entry, error] {
	return func(yield func(prolly.Entry, error) bool) {
		x, err := r.reader(ctx)
		if err != nil {
			yield(prolly.Entry{}, err)
			return
		}
		x.rangeOver(ctx, q, yield)
	}
}

// Put sets a value.
func (r *Root) Put(ctx context.Context, key, value []byte) error {
	return r.Apply(ctx, []prolly.Edit{{Key: key, Value: prolly.Value{Bytes: value}}})
}

// Delete removes a key.
func (r *Root) Delete(ctx context.Context, key []byte) error {
	return r.Apply(ctx, []prolly.Edit{{Key: key, Delete: true}})
}

// Apply does several edits; of several with one key the last wins.
func (r *Root) Apply(ctx context.Context, edits []prolly.Edit) error {
	if _, err := r.reader(ctx); err != nil {
		return err
	}
	for i := range edits {
		if err := r.own.add(edits[i]); err != nil {
			return err
		}
	}
	return nil
}
