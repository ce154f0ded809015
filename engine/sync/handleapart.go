package sync

import (
	"context"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/engine/sync/riblt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// bulkBytes is what a tree may hold for all of it to be sent rather than be
// compared.
const bulkBytes = 2 << 10

// symbolBytes is about what a coded symbol takes on the wire.
const symbolBytes = 13.2

// apart answers a client that knows nothing in common with the branch: with the
// head's commit and, when the client sent an estimate, the symbols of the leaves
// that it probably needs; or with everything, when that is less.
func (p *pullAnswer) apart(q pullRequest) error {
	if q.estimate && p.tree.Bytes() < bulkBytes {
		return p.bulk()
	}
	if !q.estimate {
		return p.apartHead()
	}
	est, n, err := leafEstimate(p.ctx, p.tree, q.salt)
	if err != nil {
		return err
	}
	d := est.Difference(&q.leaves)
	symbols := riblt.Need(d)
	// At worst every leaf here differs, and so do its entries.
	if float64(symbols)*symbolBytes > float64(p.tree.Bytes()) {
		return p.bulk()
	}
	if err := p.apartHead(); err != nil {
		return err
	}
	enc := riblt.NewEncoder(0, symbols)
	if err := addLeaves(p.ctx, p.tree, q.salt, enc); err != nil {
		return err
	}
	if enc.Len() != n {
		return fmt.Errorf("sync: %d leaves became %d", n, enc.Len())
	}
	return writeSymbols(p.w, frameLeaves, enc, 0)
}

func (p *pullAnswer) apartHead() error {
	if err := p.head(statusApart); err != nil {
		return err
	}
	block, err := p.commitBlock()
	if err != nil {
		return err
	}
	return p.w.write(frameCommit, block)
}

func addLeaves(ctx context.Context, t prolly.Tree, salt uint64, enc *riblt.Encoder) error {
	return eachLeaf(ctx, t, func(a prolly.Addr) error {
		enc.Add(leafID(a.Hash, salt))
		return nil
	})
}

// leaves answers the second and further requests of a client that knows nothing
// in common.
func (c *call) leaves() error {
	raw, err := c.request(maxIDRequest)
	if err != nil {
		return err
	}
	q, err := parseLeaves(raw)
	if err != nil {
		return err
	}
	if err := c.allow(OpRead, q.root); err != nil {
		return err
	}
	snap, err := c.h.e.Tree(c.ctx, q.root)
	if err != nil {
		return err
	}
	defer snap.Close()
	a := &apartAnswer{call: c, q: q, tree: snap.Tree()}
	return c.answer(a.run)
}

// apartAnswer is such a request being answered.
type apartAnswer struct {
	*call
	q    leavesRequest
	tree prolly.Tree
}

func (a *apartAnswer) run(w *frameWriter) error {
	if a.q.what == wantLeaves {
		first, to, err := a.symbols(a.tree.Bytes())
		if err != nil {
			return err
		}
		enc := riblt.NewEncoder(first, to)
		if err := addLeaves(a.ctx, a.tree, a.q.salt, enc); err != nil {
			return err
		}
		return writeSymbols(w, frameLeaves, enc, first)
	}
	leaves, size, err := a.find()
	if err != nil {
		return err
	}
	if a.q.what == wantEntries {
		return a.sendEntries(w, leaves, idSet(a.q.want))
	}
	return a.sendSymbols(w, leaves, size)
}

// symbols bounds the run of symbols that is asked for: never more than what is
// compared.
func (a *apartAnswer) symbols(size uint64) (first, to int, err error) {
	limit := size/8 + 1024
	if a.q.first > limit || a.q.more > limit {
		return 0, 0, malformed("%d symbols from %d", a.q.more, a.q.first)
	}
	return int(a.q.first), int(a.q.first + a.q.more), nil
}

// find returns the leaves that were named, and about how many bytes are in
// them.
func (a *apartAnswer) find() (leaves []prolly.Addr, size uint64, err error) {
	wanted := idSet(a.q.ids)
	err = eachLeaf(a.ctx, a.tree, func(at prolly.Addr) error {
		if _, ok := wanted[leafID(at.Hash, a.q.salt)]; ok {
			leaves = append(leaves, at)
		}
		return nil
	})
	if n := a.tree.Len(); n > 0 && err == nil {
		for _, at := range leaves {
			t, err := prolly.LoadAt(a.ctx, a.h.e.Nodes(), at)
			if err != nil {
				return nil, 0, err
			}
			size += t.Bytes()
		}
	}
	return leaves, size, err
}

// sendSymbols sends symbols of the entries of leaves; or all of the entries,
// when that is about as much.
func (a *apartAnswer) sendSymbols(w *frameWriter, leaves []prolly.Addr, size uint64) error {
	var run runWriter
	ns := a.h.e.Nodes()
	first, to, err := a.symbols(size)
	if err != nil {
		return err
	}
	if a.q.more == 0 {
		var est riblt.Estimator
		n := 0
		err := eachEntry(a.ctx, ns, leaves, func(e *prolly.Entry) error {
			est.Add(entryID(&run, e, a.q.salt))
			n++
			return nil
		})
		if err != nil {
			return err
		}
		d := est.Difference(&a.q.est)
		if to = riblt.Need(d); n == 0 || float64(to)*symbolBytes+min(d, float64(n))*(float64(size)/float64(n)+8) >= float64(size) {
			return a.sendEntries(w, leaves, nil)
		}
	}
	enc := riblt.NewEncoder(first, to)
	err = eachEntry(a.ctx, ns, leaves, func(e *prolly.Entry) error {
		enc.Add(entryID(&run, e, a.q.salt))
		return nil
	})
	if err != nil {
		return err
	}
	return writeSymbols(w, frameEntries, enc, first)
}

// sendEntries sends the entries of leaves that are wanted, or all when wanted is
// nil, as a step to the root.
func (a *apartAnswer) sendEntries(w *frameWriter, leaves []prolly.Addr, wanted map[uint64]struct{}) error {
	b, err := appendStep(nil, emptyRoot, a.tree.Root(), nil)
	if err != nil {
		return err
	}
	if err := w.write(frameStep, b); err != nil {
		return err
	}
	var run runWriter
	s := newSender(a.h.e, w)
	err = eachEntry(a.ctx, a.h.e.Nodes(), leaves, func(e *prolly.Entry) error {
		if wanted != nil {
			if _, ok := wanted[entryID(&run, e, a.q.salt)]; !ok {
				return nil
			}
		}
		return s.add(a.ctx, e.Key, nil, &e.Value)
	})
	if err == nil {
		err = s.flush(a.ctx)
	}
	if err != nil {
		return err
	}
	return w.write(frameStepEnd)
}
