package pebblekv

import (
	"context"
	"errors"
	"fmt"
	"os"

	"github.com/cockroachdb/pebble/v2"
	cid "github.com/ipfs/go-cid"
	mh "github.com/multiformats/go-multihash/core"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// CheckStore implements kv.Checker. It reads everything, filters of tables too, which
// verifies Pebble's checksums; hashes every node and every blob that is named by SHA-256;
// compares index and nodes both ways (P5), refs and logs with the digest (P4)
// and the state with the head record (P3).
func (s *Store) CheckStore(ctx context.Context, report func(error)) (err error) {
	if err := s.enter(ctx); err != nil {
		return s.describe("check", err)
	}
	defer s.gate.Leave()
	c := &checker{s: s, ctx: ctx, report: func(err error) { report(s.describe("check", err)) }}
	if err := c.check(); err != nil {
		return s.describe("check", err)
	}
	return nil
}

// checker reads one moment of the store.
type checker struct {
	s      *Store
	ctx    context.Context
	report func(error)
	snap   *pebble.Snapshot

	st      state
	nodes   uint64 // found under ids
	targets uint64 // of them those to which the index leads
}

func (c *checker) check() (err error) {
	if err := c.checkHead(); err != nil {
		return err
	}
	if err := c.s.whole(c.ctx); err != nil {
		return err
	}
	if err := c.s.await(func() error { c.snap = c.s.db.NewSnapshot(); return nil }); err != nil {
		return err
	}
	defer func() {
		if e := c.s.await(c.snap.Close); err == nil {
			err = e
		}
	}()
	for _, pass := range []func() error{c.checkTables, c.checkState, c.checkNodes, c.checkIndex, c.checkBlobs} {
		if err := c.tolerate(pass()); err != nil {
			return err
		}
	}
	return nil
}

// tolerate reports what is wrong with the store and returns what keeps the
// check from going on.
func (c *checker) tolerate(err error) error {
	if err == nil {
		return nil
	}
	if e := c.ctx.Err(); e != nil {
		return e
	}
	if c.s.gate.Closed() {
		return kv.ErrClosed
	}
	if failed := c.s.failure.err(); failed != nil {
		return failed
	}
	c.report(err)
	return nil
}

// checkHead reads HEAD again, as a later open will.
func (c *checker) checkHead() error {
	if err := c.s.turn.take(c.ctx, c.s.failure); err != nil {
		return err
	}
	now := c.s.st
	c.s.turn.give()
	return c.tolerate(c.s.verifyHead(now))
}

// checkTables verifies the checksums of all that the tables hold: those who go
// through them in order do not ask their filters, and those who look for a key do.
// A table that has gone meanwhile is missed by who goes through it, if by anyone.
func (c *checker) checkTables() error {
	s := c.s
	var levels [][]pebble.SSTableInfo
	if err := s.await(func() (err error) { levels, err = s.db.SSTables(); return err }); err != nil {
		return err
	}
	for _, level := range levels {
		for _, t := range level {
			if err := c.ctx.Err(); err != nil {
				return err
			}
			if err := c.tolerate(s.checkTable(fmt.Sprintf("%06d.sst", uint64(t.BackingSSTNum)))); err != nil {
				return err
			}
		}
	}
	return nil
}

func (s *Store) checkTable(name string) error {
	file, err := s.dir.fs.Open(s.dir.fs.PathJoin(s.dir.data(), name))
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	t, err := openTable(file)
	if err == nil {
		err = errors.Join(s.guard(t.ValidateBlockChecksums), t.Close())
	}
	if err = errors.Join(err, file.Close()); err != nil {
		return fmt.Errorf("%w: %s: %w", kv.ErrCorrupt, name, err)
	}
	return nil
}

// checkState compares the state with the refs and logs.
func (c *checker) checkState() error {
	return c.s.guard(func() (err error) {
		c.st, _, err = loadState(c.snap)
		return err
	})
}

// checkNodes hashes every node and asks the index for it.
func (c *checker) checkNodes() error {
	err := c.each(nodeSpace, func(key, value []byte) error {
		c.nodes++
		at, err := parseNodeKey(key)
		if err != nil {
			return err
		}
		if at.generation() > c.s.generation {
			return fmt.Errorf("%w: id %x is of a generation to come", kv.ErrCorrupt, at)
		}
		block, err := blockOf(value)
		if err != nil {
			return err
		}
		h := codec.Sum(block)
		found, err := c.lookUp(h)
		if err == nil && found == at {
			c.targets++
		}
		return err
	})
	if err == nil && c.nodes < c.st.nodes { // more there may be: see P4
		err = fmt.Errorf("%w: %d nodes are stored, %d were written", kv.ErrCorrupt, c.nodes, c.st.nodes)
	}
	return err
}

// checkIndex looks at the nodes from the index when their numbers differ.
func (c *checker) checkIndex() error {
	entries := uint64(0)
	err := c.each(hashSpace, func(key, value []byte) error {
		entries++
		_, _, err := parseIndex(key, value)
		return err
	})
	if err != nil || entries == c.targets {
		return err
	}
	return c.each(hashSpace, func(key, value []byte) error {
		h, at, err := parseIndex(key, value)
		if err != nil {
			return nil // was reported
		}
		var nodeKey [nodeKeyLen]byte
		putNodeKey(nodeKey[:], at)
		stored, closer, err := c.snap.Get(nodeKey[:])
		if err != nil {
			return fmt.Errorf("%w: node %v is indexed and cannot be read: %w", kv.ErrCorrupt, h, err)
		}
		block, err := blockOf(stored)
		if err == nil && codec.Sum(block) != h {
			err = fmt.Errorf("%w: node %v is another", kv.ErrCorrupt, h)
		}
		if e := closer.Close(); err == nil {
			err = e
		}
		return err
	})
}

// lookUp asks the index where a node lies.
func (c *checker) lookUp(h codec.Hash) (i id, err error) {
	var key [hashKeyLen]byte
	putHashKey(key[:], &h)
	value, closer, err := c.snap.Get(key[:])
	if err == pebble.ErrNotFound {
		return i, fmt.Errorf("%w: a node with hash %v is not indexed", kv.ErrCorrupt, h)
	}
	if err != nil {
		return i, err
	}
	i, _ = parsePlace(value) // checkIndex reports it
	return i, closer.Close()
}

func (c *checker) checkBlobs() error {
	return c.each(blobSpace, func(key, value []byte) error {
		p, err := cid.PrefixFromBytes(append([]byte{1, cid.Raw}, key[1:]...))
		if err != nil {
			return fmt.Errorf("%w: blob key %x: %w", kv.ErrCorrupt, key, err)
		}
		if p.MhType != mh.SHA2_256 || p.MhLength != codec.HashSize {
			return nil // named by a hash that only its reader knows
		}
		if sum := codec.Sum(value); string(sum[:]) != string(key[len(key)-len(sum):]) {
			return fmt.Errorf("%w: blob %x is another", kv.ErrCorrupt, key[1:])
		}
		return nil
	})
}

// each calls f with every key of a space; what f finds wrong is reported and
// the next key follows.
func (c *checker) each(space byte, f func(key, value []byte) error) error {
	cur := c.s.cursor(c.snap, []byte{space}, []byte{space + 1})
	defer func() { _ = cur.close() }()
	for cur.next(c.ctx) {
		value, ok := cur.value()
		if !ok {
			break
		}
		err := c.s.guard(func() error { return f(cur.key(), value) })
		if err := c.tolerate(err); err != nil {
			return err
		}
	}
	return cur.close()
}
