package dskv

import (
	"context"

	ds "github.com/ipfs/go-datastore"
	"github.com/ipfs/go-datastore/query"
)

// dropRecords deletes the records of a log that a head has passed. Those above
// its last may be on their way in.
func (s *Store) dropRecords(ctx context.Context, ref string, h head) error {
	return s.deleteIf(ctx, logPrefix(ref).String(), func(key string) (bool, error) {
		_, epoch, seq, err := parseLogKey(key)
		return h.passed(epoch, seq), err
	})
}

// tidy removes what batches that were cut short left behind (D3): a number
// above a log's last could otherwise come to count later. The heads that it goes
// by may have been written by a process that ended before it synced them.
func (s *Store) tidy(ctx context.Context) error {
	if err := s.sync(ctx); err != nil {
		return err
	}
	heads, err := s.heads(ctx)
	if err != nil {
		return err
	}
	return s.deleteIf(ctx, logSpace, func(key string) (bool, error) {
		ref, epoch, seq, err := parseLogKey(key)
		return !heads[ref].counts(epoch, seq), err
	})
}

// deleteIf deletes the keys under a prefix for which dead is true.
func (s *Store) deleteIf(ctx context.Context, prefix string, dead func(key string) (bool, error)) error {
	var keys []ds.Key
	err := s.each(ctx, query.Query{Prefix: prefix, KeysOnly: true}, func(e query.Entry) error {
		is, err := dead(e.Key)
		if is {
			keys = append(keys, ds.RawKey(e.Key))
		}
		return err
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	w, commit, err := s.writer(ctx)
	if err != nil {
		return err
	}
	for _, key := range keys {
		if err := w.Delete(ctx, key); err != nil {
			return err
		}
	}
	return commit(ctx)
}
