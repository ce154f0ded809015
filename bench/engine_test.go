package bench

import (
	"errors"
	"fmt"
	"os"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/engine"
	"github.com/go-ds-prolly/go-ds-prolly/kv/pebblekv"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// branch is a branch of an engine on Pebble. Nothing waits for the disk.
type branch struct {
	dir    string // to be removed; empty for a fork
	kv     *pebblekv.Store
	e      *engine.Engine
	b      *engine.Branch
	pinned []*engine.Snapshot
	forks  int
	edits  []prolly.Edit
}

const cacheBytes = 256 << 20

func openEngine() (store, error) { return openBranch() }

func openBranch() (*branch, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	s := &branch{dir: dir}
	return s, s.open()
}

func (s *branch) open() (err error) {
	if s.kv, err = pebblekv.Open(s.dir, nil); err != nil {
		return err
	}
	if s.e, err = engine.New(s.kv, &engine.Options{CacheBytes: cacheBytes}); err != nil {
		return err
	}
	s.b, err = s.e.Branch(ctx, "main")
	return err
}

func (s *branch) load(sorted []dataset.Entry) error {
	_, err := s.b.Load(ctx, pairs(sorted))
	return err
}

func (s *branch) batch(entries []dataset.Entry) error {
	s.edits = edits(s.edits, entries)
	if err := s.b.Apply(ctx, s.edits, engine.NoSync); err != nil {
		return err
	}
	_, err := s.b.Fold(ctx)
	return err
}

func (s *branch) put(key, value []byte) error { return s.b.Put(ctx, key, value, engine.NoSync) }

func (s *branch) get(key []byte) ([]byte, error) { return s.b.Get(ctx, key) }

func (s *branch) scan(f func(key, value []byte)) error { return s.each(prolly.Range{}, f) }

func (s *branch) near(_, prefix []byte) (n int, err error) {
	err = s.each(prolly.Range{Prefix: prefix}, func([]byte, []byte) { n++ })
	return n, err
}

func (s *branch) each(r prolly.Range, f func(key, value []byte)) error {
	for e, err := range s.b.Range(ctx, r) {
		if err != nil {
			return err
		}
		f(e.Key, e.Value.Bytes)
	}
	return nil
}

// fork is another branch of the same engine.
func (s *branch) fork() (store, error) { return s.forked() }

func (s *branch) forked() (*branch, error) {
	c, err := s.b.Head(ctx)
	if errors.Is(err, engine.ErrNoCommit) {
		c, err = s.b.Commit(ctx, engine.CommitOptions{Durability: engine.NoSync})
	}
	if err != nil {
		return nil, err
	}
	s.forks++
	b, err := s.e.CreateBranch(ctx, fmt.Sprintf("fork-%d", s.forks), c.CID)
	return &branch{kv: s.kv, e: s.e, b: b}, err
}

func (s *branch) nodeBytes() uint64 { return s.e.Stats().NodeWriteBytes }

func (s *branch) deviceBytes() uint64 {
	m := s.kv.Metrics()
	return m.LogBytes + m.TableBytes + m.IngestedBytes
}

func (s *branch) tree() (prolly.Tree, error) {
	x, err := s.b.Snapshot(ctx)
	if err != nil {
		return prolly.Tree{}, err
	}
	s.pinned = append(s.pinned, x)
	return x.Tree(), nil
}

func (s *branch) diskBytes() (uint64, error) {
	if err := s.e.Close(); err != nil {
		return 0, err
	}
	if err := s.open(); err != nil {
		return 0, err
	}
	return s.e.DiskUsage(ctx)
}

func (s *branch) close() error {
	var errs []error
	for _, x := range s.pinned {
		errs = append(errs, x.Close())
	}
	if s.dir == "" {
		return errors.Join(append(errs, s.e.DeleteBranch(ctx, s.b.Name()))...)
	}
	return errors.Join(append(errs, s.e.Close(), os.RemoveAll(s.dir))...)
}
