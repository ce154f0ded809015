package engine

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"github.com/go-ds-prolly/go-ds-prolly/kv/kvtest"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// voyage is a workload of an engine for crash sweeps: steps, each of which is
// atomic, and what the branch is after each.
type voyage struct {
	name  string
	o     Options
	steps []voyageStep
}

// voyageStep does something to a branch and to its model. synced tells that
// all so far is durable afterwards.
type voyageStep struct {
	synced bool
	do     func(e *Engine, b *Branch) error
	model  func(*shore)
}

// shore is what a branch is between two steps.
type shore struct {
	tree, side content
	commits    uint64
}

func (s shore) clone() shore {
	s.tree, s.side = maps.Clone(s.tree), maps.Clone(s.side)
	return s
}

// states returns what the branch is after each step, and before the first.
func (v voyage) states() []shore {
	s := shore{tree: content{}, side: content{}}
	all := []shore{s.clone()}
	for _, step := range v.steps {
		step.model(&s)
		all = append(all, s.clone())
	}
	return all
}

func (v voyage) open(fs vfs.FS) (*Engine, error) {
	s, err := pebblekv.Open("store", &pebblekv.Options{FS: fs, MemTableBytes: 64 << 10, CacheBytes: 1 << 20, RunBytes: 24 << 10})
	if err != nil {
		return nil, err
	}
	o := v.o
	return New(s, &o)
}

func (v voyage) run(fs vfs.FS, l *kvtest.Ledger) (err error) {
	e, err := v.open(fs)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	b, err := e.Branch(ctx, "main")
	if err != nil {
		return err
	}
	for i, s := range v.steps {
		l.Begin()
		if err := s.do(e, b); err != nil {
			return fmt.Errorf("step %d: %w", i+1, err)
		}
		if s.synced {
			l.Ack()
		}
	}
	return nil
}

// verify opens what is left: it must be one of the states from acked to begun,
// with every block there, and must go on to work.
func (v voyage) verify(fs vfs.FS, acked, begun int) error {
	if err := v.opened(fs, func(b *Branch) error { return v.judge(b, acked, begun) }); err != nil {
		return err
	}
	return v.opened(fs, func(b *Branch) error {
		got, err := b.Get(ctx, []byte("afterwards"))
		if err == nil && string(got) != "written" {
			err = fmt.Errorf("read %q", got)
		}
		if err != nil {
			return fmt.Errorf("what was written afterwards: %w", err)
		}
		return nil
	})
}

func (v voyage) opened(fs vfs.FS, f func(*Branch) error) (err error) {
	e, err := v.open(fs)
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	defer func() { err = errors.Join(err, e.Close()) }()
	b, err := e.Branch(ctx, "main")
	if err == nil {
		err = e.Check(ctx, func(p Problem) { err = errors.Join(err, errors.New(p.String())) })
	}
	if err != nil {
		return err
	}
	return f(b)
}

func (v voyage) judge(b *Branch, acked, begun int) error {
	at := -1
	states := v.states()
	for i := begun; i >= acked && at < 0; i-- {
		if same, err := states[i].is(b); err != nil {
			return err
		} else if same {
			at = i
		}
	}
	if at < 0 {
		return fmt.Errorf("in none of the states after steps %d to %d", acked, begun)
	}
	if err := b.Put(ctx, []byte("afterwards"), []byte("written")); err != nil {
		return err
	}
	_, err := b.Commit(ctx, CommitOptions{})
	return err
}

// is tells whether the branch is in state s. Values are read, not only listed.
func (s shore) is(b *Branch) (bool, error) {
	head, err := b.Head(ctx)
	if err != nil && !errors.Is(err, ErrNoCommit) {
		return false, err
	}
	if head.Seq != s.commits {
		return false, nil
	}
	tree, err := contentIn(b, b.Get)
	if err != nil || !maps.Equal(tree, s.tree) {
		return false, err
	}
	side, err := contentIn(b.Side(), b.Side().Get)
	return maps.Equal(side, s.side), err
}

func contentIn(r ranger, get getter) (content, error) {
	c := content{}
	for e, err := range r.Range(ctx, prolly.Range{}) {
		if err != nil {
			return nil, err
		}
		v, err := get(ctx, e.Key)
		if err != nil {
			return nil, err
		}
		c[string(e.Key)] = string(v)
	}
	return c, nil
}

// The steps of voyages.

func stepApply(d Durability, edits []prolly.Edit) voyageStep {
	return voyageStep{d == Sync,
		func(_ *Engine, b *Branch) error { return b.Apply(ctx, edits, d) },
		func(s *shore) { s.tree.apply(edits) }}
}

func stepUpdate(d Durability, edits []prolly.Edit) voyageStep {
	return voyageStep{d == Sync,
		func(_ *Engine, b *Branch) error {
			return b.Update(ctx, func(u *Update) error {
				return errors.Join(u.Tree().Apply(ctx, edits), u.Side().Apply(ctx, edits))
			}, d)
		},
		func(s *shore) { s.tree.apply(edits); s.side.apply(edits) }}
}

func stepCommit(d Durability) voyageStep {
	return voyageStep{d == Sync,
		func(_ *Engine, b *Branch) error {
			_, err := b.Commit(ctx, CommitOptions{Durability: d})
			return err
		},
		func(s *shore) { s.commits++ }}
}

func stepLoad(edits []prolly.Edit) voyageStep {
	return voyageStep{true,
		func(_ *Engine, b *Branch) error {
			_, err := b.Load(ctx, func(yield func(prolly.Entry, error) bool) {
				for _, e := range edits {
					if !yield(prolly.Entry{Key: e.Key, Value: e.Value}, nil) {
						return
					}
				}
			})
			return err
		},
		func(s *shore) { s.tree.apply(edits) }}
}

func still(synced bool, do func(e *Engine, b *Branch) error) voyageStep {
	return voyageStep{synced, do, func(*shore) {}}
}

func stepFold() voyageStep {
	return still(false, func(_ *Engine, b *Branch) error {
		_, err := b.Fold(ctx)
		return err
	})
}

func stepSync() voyageStep {
	return still(true, func(e *Engine, _ *Branch) error { return e.Sync(ctx) })
}

func stepGC() voyageStep {
	return still(true, func(e *Engine, _ *Branch) error {
		_, err := e.GC(ctx, GCOptions{})
		return err
	})
}

// voyageEdits draws n edits on a small key space: some delete, some are long.
func voyageEdits(r *rand.Rand, n int) []prolly.Edit {
	var edits []prolly.Edit
	for range n {
		e := prolly.Edit{Key: fmt.Appendf(nil, "key/%d", r.IntN(200)), Delete: r.IntN(4) == 0}
		if !e.Delete {
			e.Value.Bytes = bytes.Repeat([]byte{byte(r.Uint32())}, r.IntN(60))
			if r.IntN(10) == 0 {
				e.Value.Bytes = bytes.Repeat([]byte{byte(r.Uint32())}, 2000+r.IntN(2000))
			}
		}
		edits = append(edits, e)
	}
	return edits
}

func loaded(edits []prolly.Edit) []prolly.Edit {
	for i := range edits {
		edits[i].Delete = false
	}
	return edits
}

func voyages() []voyage {
	r := rand.New(rand.NewPCG(7, 7))
	one := voyage{name: "one key at a time, synced"}
	mixed := voyage{name: "unsynced, then synced"}
	commits := voyage{name: "commits of many keys"}
	staging := voyage{name: "folds in the background", o: Options{StagingBytes: 2 << 10}}
	collected := voyage{name: "collected", o: Options{CacheBytes: 1}}
	bulk := voyage{name: "loaded"}
	for i := range 14 {
		one.steps = append(one.steps, stepApply(Sync, voyageEdits(r, 1)))
		mixed.steps = append(mixed.steps, stepApply(NoSync, voyageEdits(r, 3)), stepUpdate(NoSync, voyageEdits(r, 2)))
		if i%4 == 3 {
			mixed.steps = append(mixed.steps, stepSync(), stepFold())
		}
		staging.steps = append(staging.steps, stepApply(NoSync, voyageEdits(r, 12)), stepUpdate(Durability(i%2), voyageEdits(r, 3)))
		if i%3 == 0 {
			commits.steps = append(commits.steps, stepApply(NoSync, voyageEdits(r, 150)), stepCommit(Durability(i%2)))
			bulk.steps = append(bulk.steps, stepApply(NoSync, voyageEdits(r, 5)), stepLoad(loaded(voyageEdits(r, 300))))
		}
		if i%2 == 0 {
			collected.steps = append(collected.steps, stepApply(NoSync, voyageEdits(r, 40)), stepFold(), stepUpdate(NoSync, voyageEdits(r, 4)), stepGC(), stepCommit(NoSync))
		}
	}
	return []voyage{one, mixed, commits, staging, collected, bulk}
}

// TestCrash: after a crash anywhere the branch is in a state that it went
// through, none older than the last acknowledged as durable, with all blocks
// (E2, E5).
func TestCrash(t *testing.T) {
	for _, v := range voyages() {
		t.Run(v.name, func(t *testing.T) {
			kvtest.CrashSweep(t, kvtest.Workload{Name: v.name, Run: v.run, Verify: v.verify}, kvtest.SweepOptions{})
		})
	}
}

// TestCrashInRecovery: nor does it matter when it crashes again while it comes
// up, folding what it had staged.
func TestCrashInRecovery(t *testing.T) {
	v := voyages()[3]
	w := kvtest.Workload{Name: v.name, Run: v.run, Verify: v.verify, Recover: func(fs vfs.FS) error {
		return v.opened(fs, func(b *Branch) error {
			_, err := b.Fold(ctx)
			return err
		})
	}}
	kvtest.CrashSweep(t, w, kvtest.SweepOptions{Points: 6, Depth: 1})
}

// TestCrashInCollection: after a crash anywhere in a history with collections,
// another collection goes on where that one was cut short, and harms nothing
// either (G6).
func TestCrashInCollection(t *testing.T) {
	v := voyages()[4]
	verify := func(fs vfs.FS, acked, begun int) error {
		err := v.opened(fs, func(b *Branch) error {
			_, err := b.e.GC(ctx, GCOptions{})
			return err
		})
		if err != nil {
			return fmt.Errorf("collection after the crash: %w", err)
		}
		return v.verify(fs, acked, begun)
	}
	points := 200
	if testing.Short() {
		points = 30
	}
	kvtest.CrashSweep(t, kvtest.Workload{Name: v.name, Run: v.run, Verify: verify}, kvtest.SweepOptions{Points: points})
}
