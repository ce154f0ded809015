package pebblekv

import (
	"bufio"
	"bytes"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/objstorage"
	"github.com/cockroachdb/pebble/v2/sstable"
	"github.com/cockroachdb/pebble/v2/vfs"
	"github.com/golang/snappy"
)

// worthATable is which part of a full run a run must be to get tables of its
// own; less goes through the log like any batch.
const worthATable = 32

// writeBehind writes sealed runs until there will be no more.
func (s *Store) writeBehind() {
	defer close(s.behind.ended)
	for r := s.behind.next(); r != nil; r = s.behind.next() {
		err := s.guard(func() error { return s.writeRun(r) })
		if err != nil && s.failure.err() == nil {
			err = s.stop(fmt.Errorf("write nodes: %w", err))
		}
		if s.behind.done(r, err); err != nil {
			return
		}
	}
}

// stopBehind ends the goroutine that writes runs, unless Pebble holds it.
func (s *Store) stopBehind() {
	if s.readOnly {
		return
	}
	close(s.behind.end)
	select {
	case <-s.behind.ended:
	case <-s.stuck:
	}
}

// writeRun makes the nodes of a run durable.
func (s *Store) writeRun(r *nodeRun) error {
	nodes := make([]*pendingNode, 0, len(r.nodes))
	for _, n := range r.nodes {
		if n.refs > 0 {
			nodes = append(nodes, n)
		}
	}
	if len(nodes) == 0 {
		return nil
	}
	defer s.tell("run of nodes", time.Now(), uint64(r.size))
	if r.size < s.behind.limit/worthATable {
		return s.writeThroughLog(nodes)
	}
	return s.ingest(nodes)
}

// writeThroughLog writes nodes as a batch.
func (s *Store) writeThroughLog(nodes []*pendingNode) error {
	b := &batch{s: s, pb: s.db.NewBatch()}
	for _, n := range nodes {
		if err := b.writeNode(n.at, &n.hash, n.block, n.children); err != nil {
			return err
		}
	}
	if err := s.commit(background, b, b.pb); err != nil {
		return err
	}
	if err := b.pb.Close(); err != nil {
		return err
	}
	return s.syncUpTo(background, s.committed.Load())
}

// ingest writes nodes to tables, one a stretch of ids, and their index to
// another, and hands all to Pebble in one step. The ids of a stretch being above
// all that came before, its table goes to the last level and stays as it is.
func (s *Store) ingest(nodes []*pendingNode) error {
	if err := s.dir.fs.MkdirAll(s.dir.writing(), 0o755); err != nil {
		return err
	}
	tables, err := s.writeNodeTables(nodes)
	if err != nil {
		return err
	}
	index := s.dir.fs.PathJoin(s.dir.writing(), "index.sst")
	if err := s.writeIndexTable(index, nodes); err != nil {
		return err
	}
	if err := s.syncUpTo(background, s.noted.Load()); err != nil {
		return err
	}
	if err := s.turn.take(background, s.failure); err != nil {
		return err
	}
	defer s.turn.give()
	if err := s.await(func() error { return s.db.Ingest(background, append(tables, index)) }); err != nil {
		return err
	}
	s.st.nodes += uint64(len(nodes))
	return nil
}

// writeNodeTables writes a table of nodes by id for each stretch.
func (s *Store) writeNodeTables(nodes []*pendingNode) (paths []string, err error) {
	slices.SortFunc(nodes, func(a, b *pendingNode) int { return bytes.Compare(a.at[:], b.at[:]) })
	for len(nodes) > 0 {
		n := 1
		for n < len(nodes) && nodes[n].at.stretch() == nodes[0].at.stretch() {
			n++
		}
		path := s.dir.fs.PathJoin(s.dir.writing(), fmt.Sprintf("nodes-%d.sst", len(paths)))
		if err := s.writeNodeTable(path, nodes[:n]); err != nil {
			return nil, err
		}
		paths, nodes = append(paths, path), nodes[n:]
	}
	return paths, nil
}

// innerBlockBytes is the size of the blocks in which inner nodes lie: one that
// is read brings a dozen neighbours, which are soon asked for.
const innerBlockBytes = 32 << 10

// leafBlockBytes is the size of the blocks in which leaves lie, two or three, that are not
// compressed: whoever looks up a key reads all of a block for the sake of one leaf.
const leafBlockBytes = 9 << 9

// writeNodeTable writes a table. It needs no filter: ids are asked for when they
// are there.
func (s *Store) writeNodeTable(path string, nodes []*pendingNode) error {
	o := s.tables
	o.FilterPolicy = nil
	packed := compressible(nodes)
	if !packed {
		o.Compression = sstable.NoCompression
	}
	switch {
	case len(nodes[0].children) > 0:
		o.BlockSize = innerBlockBytes
	case !packed:
		o.BlockSize = leafBlockBytes
	}
	var record []byte
	return s.writeTable(path, o, func(w *sstable.Writer) error {
		for _, n := range nodes {
			var key [nodeKeyLen]byte
			putNodeKey(key[:], n.at)
			record = append(appendHead(record[:0], n.children), n.block...)
			if err := w.Set(key[:], record); err != nil {
				return err
			}
		}
		return nil
	})
}

// sampled is how many nodes of a run are tried before it is compressed.
const sampled = 16

// compressible tells whether compression makes nodes an eighth smaller at least,
// by trying some. Trying it on every block would cost as much as doing it.
func compressible(nodes []*pendingNode) bool {
	var raw, packed int
	var buf []byte
	for i := 0; i < len(nodes); i += max(1, len(nodes)/sampled) {
		raw += len(nodes[i].block)
		buf = snappy.Encode(buf[:cap(buf)], nodes[i].block)
		packed += len(buf)
	}
	return packed < raw-raw/8
}

// writeIndexTable writes a table that leads from hashes to ids. A run has each
// hash once.
func (s *Store) writeIndexTable(path string, nodes []*pendingNode) error {
	list := byHash(nodes)
	var place []byte
	return s.writeTable(path, s.tables, func(w *sstable.Writer) error {
		for i := range list {
			var key [hashKeyLen]byte
			n := list[i].node
			putHashKey(key[:], &n.hash)
			place = appendPlace(place[:0], n.at)
			if err := w.Set(key[:], place); err != nil {
				return err
			}
		}
		return nil
	})
}

// hashed is a node and the beginning of its hash, which tells most hashes apart.
type hashed struct {
	begin uint64
	node  *pendingNode
}

// byHash lists nodes in the order of their hashes.
func byHash(nodes []*pendingNode) []hashed {
	list := make([]hashed, len(nodes))
	for i, n := range nodes {
		list[i] = hashed{binary.BigEndian.Uint64(n.hash[:]), n}
	}
	slices.SortFunc(list, func(a, b hashed) int {
		if a.begin != b.begin {
			return cmp.Compare(a.begin, b.begin)
		}
		return bytes.Compare(a.node.hash[:], b.node.hash[:])
	})
	return list
}

// writeTable makes a durable table out of what fill sets.
func (s *Store) writeTable(path string, o sstable.WriterOptions, fill func(*sstable.Writer) error) error {
	f, err := s.fs.Create(path, vfs.WriteCategoryUnspecified)
	if err != nil {
		return err
	}
	f = vfs.NewSyncingFile(f, vfs.SyncingFileOptions{BytesPerSync: tableSyncBytes, NoSyncOnClose: true})
	w := sstable.NewWriter(&tableFile{f, bufio.NewWriterSize(f, tableFileBuffer)}, o)
	err = fill(w)
	return errors.Join(err, w.Close())
}

// tableOptions are those of a table in the last level.
func tableOptions(o *Options, db *pebble.DB, cache *pebble.Cache, f *failure) sstable.WriterOptions {
	p := o.pebbleOptions(cache, f)
	p.EnsureDefaults()
	return p.MakeWriterOptions(len(p.Levels)-1, db.TableFormat())
}

// tableFile is what a table is written to. It gathers large pieces, because each
// call to the system costs as much as copying several blocks.
type tableFile struct {
	f vfs.File
	w *bufio.Writer
}

var _ objstorage.Writable = (*tableFile)(nil)

const tableFileBuffer = 512 << 10

// tableSyncBytes is after how many bytes the device is asked to begin with them, so
// that little is left to wait for at the end.
const tableSyncBytes = 1 << 20

// Write implements objstorage.Writable.
func (t *tableFile) Write(p []byte) error {
	_, err := t.w.Write(p)
	return err
}

// Finish implements objstorage.Writable.
func (t *tableFile) Finish() error {
	err := t.w.Flush()
	if err == nil {
		err = t.f.Sync()
	}
	return errors.Join(err, t.f.Close())
}

// Abort implements objstorage.Writable.
func (t *tableFile) Abort() { _ = t.f.Close() } // it holds nothing that is needed
