package bench

import (
	"errors"
	"unsafe"

	datastore "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/engine/prollyds"
)

// ds is a go-datastore over a branch. Roots are made by the branch.
type ds struct {
	d *prollyds.Datastore
	*branch
}

func openDatastore() (store, error) {
	b, err := openBranch()
	if err != nil {
		return nil, err
	}
	return &ds{prollyds.Wrap(b.b), b}, nil
}

// key makes a datastore's key without copying.
func key(b []byte) datastore.Key {
	return datastore.RawKey(unsafe.String(unsafe.SliceData(b), len(b)))
}

func (s *ds) stage(entries []dataset.Entry) error {
	b, err := s.d.Batch(ctx)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if err := b.Put(ctx, key(e.Key), e.Value); err != nil {
			return err
		}
	}
	return b.Commit(ctx)
}

func (s *ds) load(sorted []dataset.Entry) error {
	for len(sorted) > 0 {
		n := min(len(sorted), batchLen)
		if err := s.stage(sorted[:n]); err != nil {
			return err
		}
		sorted = sorted[n:]
	}
	_, err := s.b.Fold(ctx)
	return err
}

func (s *ds) batch(entries []dataset.Entry) error {
	if err := s.stage(entries); err != nil {
		return err
	}
	_, err := s.b.Fold(ctx)
	return err
}

func (s *ds) put(k, value []byte) error { return s.d.Put(ctx, key(k), value) }

func (s *ds) get(k []byte) ([]byte, error) { return s.d.Get(ctx, key(k)) }

func (s *ds) scan(f func(key, value []byte)) error {
	return s.query(query.Query{}, func(e query.Entry) {
		f(unsafe.Slice(unsafe.StringData(e.Key), len(e.Key)), e.Value)
	})
}

// near asks for a hundred siblings of the key, as a datastore's prefixes are
// whole components of a path.
func (s *ds) near(k, _ []byte) (n int, err error) {
	err = s.query(query.Query{Prefix: key(k).Parent().String(), Limit: 100}, func(query.Entry) { n++ })
	return n, err
}

func (s *ds) query(q query.Query, f func(query.Entry)) error {
	res, err := s.d.Query(ctx, q)
	if err != nil {
		return err
	}
	for {
		r, ok := res.NextSync()
		if !ok {
			return res.Close()
		}
		if r.Error != nil {
			return errors.Join(r.Error, res.Close())
		}
		f(r.Entry)
	}
}

func (s *ds) fork() (store, error) {
	b, err := s.forked()
	if err != nil {
		return nil, err
	}
	return &ds{prollyds.Wrap(b.b), b}, nil
}

func (s *ds) close() error { return errors.Join(s.d.Close(), s.branch.close()) }
