package sync

import (
	"context"
	"errors"
	"fmt"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync/riblt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// errTryBulk: comparing led nowhere; all entries will.
var errTryBulk = errors.New("sync: comparing the trees failed")

// apartSymbols is what has arrived of the symbols of the other side's leaves.
type apartSymbols struct {
	salt   uint64
	leaves []riblt.Symbol
}

// receiveApart takes the commit and the symbols of a branch with which nothing is
// known in common.
func (p *pull) receiveApart(fr *frameReader, q pullRequest) error {
	block, err := fr.expect(frameCommit)
	if err != nil {
		return err
	}
	p.commit = append([]byte(nil), block...)
	if p.head.version.Commit.Defined() != (len(block) > 0) {
		return malformed("a head without its commit")
	}
	if len(block) > 0 && codec.Sum(block).CID() != p.head.version.Commit {
		return malformed("another commit than was announced")
	}
	p.symbols = apartSymbols{salt: q.salt}
	p.symbols.leaves, err = readAllSymbols(fr, frameLeaves, nil)
	return err
}

func readAllSymbols(fr *frameReader, kind byte, have []riblt.Symbol) ([]riblt.Symbol, error) {
	for {
		got, payload, err := fr.next()
		if err != nil || got == frameEnd {
			return have, err
		}
		if got != kind {
			return nil, malformed("a frame of kind %q among symbols", got)
		}
		if have, err = readSymbols(payload, have); err != nil {
			return nil, err
		}
	}
}

// reconciling is how a pull finds out what differs from our tree, when nothing
// is known in common.
type reconciling struct {
	*pull
	tree   prolly.Tree
	theirs []uint64      // ids of leaves that only they have
	leaves []prolly.Addr // that only we have
	keys   map[uint64][]byte
	gone   [][]byte // keys of entries that only we have
}

// reconcile receives the entries that differ, as a step from our tree.
func (p *pull) reconcile(ctx context.Context) error {
	if len(p.symbols.leaves) == 0 {
		// The server lost what it had when it was last seen; it was not asked
		// for symbols.
		p.seen = tracked{}
		if err := p.fetchOnce(ctx); err != nil || p.head.status != statusApart {
			return err
		}
	}
	r := &reconciling{pull: p, tree: p.snap.Tree(), keys: map[uint64][]byte{}}
	if p.head.version.Root == r.tree.Root() {
		return r.deliver(r.newStep())
	}
	if err := r.findLeaves(ctx); err != nil {
		return err
	}
	return r.findEntries(ctx)
}

// findLeaves decodes which leaves differ, asking for more symbols while they are
// too few.
func (r *reconciling) findLeaves(ctx context.Context) error {
	for tries := 0; ; tries++ {
		d := riblt.NewDecoder(append([]riblt.Symbol(nil), r.symbols.leaves...))
		ids := map[uint64]prolly.Addr{}
		err := eachLeaf(ctx, r.tree, func(a prolly.Addr) error {
			id := leafID(a.Hash, r.symbols.salt)
			ids[id] = a
			d.Remove(id)
			return nil
		})
		if err != nil {
			return err
		}
		theirs, ours, ok := d.Decode()
		if ok {
			r.theirs = theirs
			for _, id := range ours {
				a, known := ids[id]
				if !known {
					return errTryBulk
				}
				r.leaves = append(r.leaves, a)
			}
			return nil
		}
		if tries == maxMore {
			return errTryBulk
		}
		q := r.request(wantLeaves)
		q.ids, q.first, q.more = nil, uint64(len(r.symbols.leaves)), uint64(len(r.symbols.leaves)/2+16)
		r.symbols.leaves, err = r.more(ctx, q, frameLeaves, r.symbols.leaves)
		if err != nil {
			return err
		}
	}
}

// maxMore is how often more symbols are asked for.
const maxMore = 4

func (r *reconciling) request(what byte) *leavesRequest {
	return &leavesRequest{root: r.head.version.Root, salt: r.symbols.salt, what: what, ids: r.theirs}
}

// more asks for symbols; the server may send the entries themselves instead, as
// a step.
func (r *reconciling) more(ctx context.Context, q *leavesRequest, kind byte, have []riblt.Symbol) (out []riblt.Symbol, err error) {
	body, err := q.append(nil)
	if err != nil {
		return nil, err
	}
	before := len(have)
	err = r.ask(ctx, pathLeaves, body, func(fr *frameReader) error {
		out, err = readAllSymbols(fr, kind, have)
		return err
	})
	if err == nil && len(out) == before {
		err = errTryBulk
	}
	return out, err
}

// findEntries decodes which entries of those leaves differ, and receives those
// that only they have.
func (r *reconciling) findEntries(ctx context.Context) error {
	q := r.request(wantSymbols)
	var run runWriter
	err := eachEntry(ctx, r.e.Nodes(), r.leaves, func(e *prolly.Entry) error {
		id := entryID(&run, e, r.symbols.salt)
		r.keys[id] = append([]byte(nil), e.Key...)
		q.est.Add(id)
		return nil
	})
	if err != nil {
		return err
	}
	body, err := q.append(nil)
	if err != nil {
		return err
	}
	var symbols []riblt.Symbol
	all := false
	err = r.ask(ctx, pathLeaves, body, func(fr *frameReader) error {
		if first, err := fr.r.Peek(1); err == nil && first[0] == frameStep {
			all = true
			return r.receive(fr, r.s)
		}
		var err error
		symbols, err = readAllSymbols(fr, frameEntries, nil)
		return err
	})
	if err != nil {
		return r.startOver(err)
	}
	if all { // whatever of ours is not among theirs is gone
		for _, key := range r.keys {
			r.gone = append(r.gone, key)
		}
		return r.deliver(nil)
	}
	want, err := r.decode(ctx, symbols)
	if err != nil {
		return err
	}
	if len(want) == 0 {
		return r.deliver(r.newStep())
	}
	q = r.request(wantEntries)
	q.want = want
	if body, err = q.append(nil); err != nil {
		return err
	}
	err = r.ask(ctx, pathLeaves, body, func(fr *frameReader) error { return r.receive(fr, r.s) })
	if err != nil {
		return r.startOver(err)
	}
	return r.deliver(nil)
}

// startOver forgets a step that was cut short: it cannot be continued.
func (r *reconciling) startOver(err error) error {
	if errors.Is(err, ErrTruncated) {
		r.s.steps = nil
		return fmt.Errorf("%w: %w", errTryBulk, err)
	}
	return err
}

// decode returns the ids of entries that only they have.
func (r *reconciling) decode(ctx context.Context, symbols []riblt.Symbol) (want []uint64, err error) {
	for tries := 0; ; tries++ {
		d := riblt.NewDecoder(append([]riblt.Symbol(nil), symbols...))
		for id := range r.keys {
			d.Remove(id)
		}
		theirs, ours, ok := d.Decode()
		if ok {
			for _, id := range ours {
				key, known := r.keys[id]
				if !known {
					return nil, errTryBulk
				}
				r.gone = append(r.gone, key)
			}
			return theirs, nil
		}
		if tries == maxMore {
			return nil, errTryBulk
		}
		q := r.request(wantSymbols)
		q.first, q.more = uint64(len(symbols)), uint64(len(symbols)/2+16)
		if symbols, err = r.more(ctx, q, frameEntries, symbols); err != nil {
			return nil, err
		}
	}
}

// newStep is a step without entries.
func (r *reconciling) newStep() *step {
	st := &step{root: r.head.version.Root, done: true}
	r.s.steps = append(r.s.steps, st)
	return st
}

// deliver makes what was received a step from our tree.
func (r *reconciling) deliver(st *step) error {
	if st == nil {
		if n := len(r.s.steps); n != 1 || r.s.steps[0].root != r.head.version.Root {
			return malformed("%d steps to another root", n)
		}
		st = r.s.steps[0]
	}
	st.base = r.tree.Root()
	if st.base != emptyRoot {
		sortKeys(r.gone)
		st.deletes = r.gone
	}
	if len(r.commit) > 0 {
		return st.attach(r.commit)
	}
	return nil
}

// everything asks for all entries.
func (p *pull) everything(ctx context.Context) error {
	p.s.steps = nil
	st := &step{base: emptyRoot, root: p.head.version.Root}
	p.s.steps = append(p.s.steps, st)
	if len(p.commit) > 0 {
		if err := st.attach(p.commit); err != nil {
			return err
		}
	}
	p.total = p.head.version.Entries
	return p.again(ctx, func() int64 { return p.s.size }, func() error { return p.rest(ctx, p.s, st) })
}
