package memkv

import (
	"context"
	"fmt"

	cid "github.com/ipfs/go-cid"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// batch is a list of steps to take on the state, in order.
type batch struct {
	s     *Store
	plan  kv.RefPlan
	steps []func(*Store)
	size  int
	spent bool
}

// add takes a step into the batch, unless the batch is spent or check, which
// may be nil, says no.
func (b *batch) add(op string, size int, check func() error, step func(*Store)) error {
	if b.spent {
		return fmt.Errorf("memkv: %s: %w: it is spent", op, kv.ErrBatch)
	}
	if check != nil {
		if err := check(); err != nil {
			return fmt.Errorf("memkv: %s: %w", op, err)
		}
	}
	b.steps, b.size = append(b.steps, step), b.size+size
	return nil
}

// PutNode implements kv.BlockWriter.
func (b *batch) PutNode(h codec.Hash, block []byte, children []kv.Hint) (at kv.Hint, err error) {
	n := node{Node: cloneNode(kv.Node{Block: block, Children: children})}
	check := func() error { return b.reserve(h, &n.at) }
	err = b.add("put node", len(block)+len(children)*len(at)+len(h), check, func(s *Store) {
		delete(s.at, s.nodes[h].at)
		s.nodes[h] = n
		if s.moving {
			s.at[n.at] = h
		}
	})
	return n.at, err
}

// reserve takes the next hint of the store.
func (b *batch) reserve(h codec.Hash, at *kv.Hint) error {
	return b.s.write(context.Background(), "reserve", func() error {
		*at = b.s.nextHint()
		if c := b.s.collecting; c != nil {
			c.nodes[h] = true
		}
		return nil
	})
}

// PutBlob implements kv.BlockWriter.
func (b *batch) PutBlob(c cid.Cid, block []byte) error {
	key, ok := kv.BlobKey(c)
	check := func() error {
		if !ok {
			return fmt.Errorf("%w: undefined CID", kv.ErrName)
		}
		return b.s.write(context.Background(), "put blob", func() error {
			if c := b.s.collecting; c != nil {
				c.blobs[string(key)] = true
			}
			return nil
		})
	}
	block = cloneBytes(block)
	return b.add("put blob", len(block)+len(key), check, func(s *Store) {
		if _, has := s.blobs[string(key)]; !has {
			s.blobs[string(key)] = block
		}
	})
}

// SwapRef implements kv.RefWriter.
func (b *batch) SwapRef(name string, old, next []byte) error {
	check := func() error { return b.plan.Swap(name, old, next) }
	remove, value := next == nil, cloneBytes(next)
	return b.add("swap ref", len(name)+len(next), check, func(s *Store) {
		if remove {
			delete(s.refs, name)
			delete(s.logs, name)
			return
		}
		s.refs[name] = value
	})
}

// AppendLog implements kv.RefWriter.
func (b *batch) AppendLog(ref string, seq uint64, data []byte) error {
	check := func() error { return b.plan.Append(ref, seq) }
	data = cloneBytes(data)
	return b.add("append log", len(ref)+8+len(data), check, func(s *Store) {
		s.logs[ref] = append(s.logs[ref], kv.Record{Seq: seq, Data: data})
	})
}

// TrimLog implements kv.RefWriter.
func (b *batch) TrimLog(ref string, seq uint64) error {
	check := func() error { return b.plan.Trim(ref, seq) }
	return b.add("trim log", len(ref)+8, check, func(s *Store) {
		var left []kv.Record
		for _, r := range s.logs[ref] {
			if r.Seq > seq {
				left = append(left, r)
			}
		}
		s.logs[ref] = left
	})
}

// Size implements kv.Batch.
func (b *batch) Size() int { return b.size }

// Commit implements kv.Batch.
func (b *batch) Commit(ctx context.Context) error {
	if b.spent {
		return fmt.Errorf("memkv: commit: %w: it is spent", kv.ErrBatch)
	}
	b.spent = true
	return b.s.write(ctx, "commit", func() error {
		if err := b.check(); err != nil {
			return err
		}
		for _, step := range b.steps {
			step(b.s)
		}
		return nil
	})
}

// check asks the plan whether the ref and its log are as the batch needs them.
func (b *batch) check() error {
	var last uint64
	if log := b.s.logs[b.plan.Name()]; len(log) > 0 {
		last = log[len(log)-1].Seq
	}
	_, err := b.plan.Check(b.s.refs[b.plan.Name()], last)
	return err
}

// Close implements kv.Batch.
func (b *batch) Close() error {
	b.spent = true
	return nil
}
