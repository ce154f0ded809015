package peer

import (
	"context"
	"errors"

	"github.com/go-ds-prolly/go-ds-prolly/bench/dataset"
	"github.com/go-ds-prolly/go-ds-prolly/engine/prollyds"
)

// ourDatastore is the engine behind go-datastore's interface.
var ourDatastore = Peer{
	Name:   "prollyds",
	Ours:   true,
	About:  "the engine through go-datastore; roots by a fold of its branch",
	Module: ourModule,
	Format: ourFormat,
	Open: func(ctx context.Context, dir string, o Options) (Store, error) {
		b, err := openBranch(ctx, dir, o)
		if err != nil {
			return nil, err
		}
		return &prollydsStore{datastoreStore{prollyds.Wrap(b.b)}, b}, nil
	},
}

// prollydsStore writes and reads through the datastore; what go-datastore has no
// word for goes to the branch beneath.
type prollydsStore struct {
	datastoreStore
	branch *branchStore
}

func (s *prollydsStore) Batch(ctx context.Context, entries []dataset.Entry) ([]byte, error) {
	if err := s.Stage(ctx, entries); err != nil {
		return nil, err
	}
	return s.Root(ctx)
}

func (s *prollydsStore) Root(ctx context.Context) ([]byte, error) { return s.branch.Root(ctx) }

func (s *prollydsStore) Close() error { return errors.Join(s.d.Close(), s.branch.Close()) }

func (s *prollydsStore) NodeBytes() uint64 { return s.branch.NodeBytes() }
