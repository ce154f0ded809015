package store

import (
	"context"
	"errors"

	"github.com/cockroachdb/pebble/v2"
	blocks "github.com/ipfs/go-block-format"
	"github.com/ipfs/go-cid"
	ipld "github.com/ipfs/go-ipld-format"
)

// mstBlocks is Pebble as the two MST packages want their stores. It belongs to
// one goroutine.
type mstBlocks struct {
	db      *pebble.DB
	batch   *pebble.Batch // what Put writes to
	read    int           // blocks
	written uint64        // bytes
}

// errUnused: the MST packages call for it nowhere.
var errUnused = errors.New("mst: not needed")

func (s *mstBlocks) Get(_ context.Context, c cid.Cid) (blocks.Block, error) {
	s.read++
	b, err := get(s.db, c.Bytes())
	if err != nil {
		return nil, err
	}
	if b == nil {
		return nil, ipld.ErrNotFound{Cid: c}
	}
	return blocks.NewBlockWithCid(b, c)
}

func (s *mstBlocks) Put(_ context.Context, b blocks.Block) error {
	s.written += uint64(len(b.RawData()))
	return s.batch.Set(b.Cid().Bytes(), b.RawData(), nil)
}

func (s *mstBlocks) PutMany(ctx context.Context, many []blocks.Block) error {
	for _, b := range many {
		if err := s.Put(ctx, b); err != nil {
			return err
		}
	}
	return nil
}

func (s *mstBlocks) Has(context.Context, cid.Cid) (bool, error)    { return false, errUnused }
func (s *mstBlocks) GetSize(context.Context, cid.Cid) (int, error) { return 0, errUnused }
func (s *mstBlocks) DeleteBlock(context.Context, cid.Cid) error    { return errUnused }
func (s *mstBlocks) HashOnRead(bool)                               {}

func (s *mstBlocks) AllKeysChan(context.Context) (<-chan cid.Cid, error) { return nil, errUnused }
