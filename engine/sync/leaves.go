package sync

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"

	cid "github.com/ipfs/go-cid"
	"github.com/zeebo/xxh3"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/engine/sync/riblt"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// Leaves and entries are known by 64-bit ids while two replicas that know nothing
// in common find out what differs: xxh3 of a leaf's hash, or of an entry as a run
// of its own, with the client's salt as the seed. Collisions, by chance or made,
// leave a tree with a wrong root, which is noticed.

func leafID(h codec.Hash, salt uint64) uint64 { return xxh3.HashSeed(h[:], salt) }

// entryID uses w as scratch.
func entryID(w *runWriter, e *prolly.Entry, salt uint64) uint64 {
	w.reset()
	w.add(e.Key, &e.Value)
	return xxh3.HashSeed(w.b, salt)
}

// eachLeaf calls f with the address of each leaf, in key order, reading the
// nodes above only.
func eachLeaf(ctx context.Context, t prolly.Tree, f func(a prolly.Addr) error) error {
	if t.Height() == 1 {
		if t.Len() == 0 {
			return nil
		}
		return f(t.Addr())
	}
	return t.Walk(ctx, func(_ prolly.Addr, n *prolly.Node) error {
		if n.Level() > 1 {
			return nil
		}
		for i := range n.Len() {
			if err := f(n.Addr(i)); err != nil {
				return err
			}
		}
		return prolly.SkipNode
	})
}

// leafEstimate estimates the leaves of a tree.
func leafEstimate(ctx context.Context, t prolly.Tree, salt uint64) (est riblt.Estimator, n uint64, err error) {
	err = eachLeaf(ctx, t, func(a prolly.Addr) error {
		est.Add(leafID(a.Hash, salt))
		n++
		return nil
	})
	return est, n, err
}

// eachEntry calls f with the entries of leaves, which are valid until it
// returns.
func eachEntry(ctx context.Context, ns prolly.NodeStore, leaves []prolly.Addr, f func(e *prolly.Entry) error) error {
	for _, a := range leaves {
		t, err := prolly.LoadAt(ctx, ns, a)
		if err != nil {
			return err
		}
		for e, err := range t.Range(ctx, prolly.Range{}) {
			if err == nil {
				err = f(&e)
			}
			if err != nil {
				return err
			}
		}
	}
	return nil
}

// symbolsHead is the payload of frameLeaves and frameEntries before the symbols:
//
//	│ ids in the set, LEB128 │ index of the first symbol, LEB128 │
func appendSymbolsHead(dst []byte, n uint64, from int) []byte {
	return binary.AppendUvarint(binary.AppendUvarint(dst, n), uint64(from))
}

// symbolsPerFrame keeps frames under maxFrame.
const symbolsPerFrame = 8192

// writeSymbols sends what an encoder holds, the first symbol of which has an
// index.
func writeSymbols(w *frameWriter, kind byte, e *riblt.Encoder, from int) error {
	symbols := e.Symbols()
	for len(symbols) > 0 {
		n := min(len(symbols), symbolsPerFrame)
		b := appendSymbolsHead(nil, e.Len(), from)
		if err := w.write(kind, riblt.AppendSymbols(b, symbols[:n], from, e.Len())); err != nil {
			return err
		}
		symbols, from = symbols[n:], from+n
	}
	return nil
}

// readSymbols takes symbols that follow those that are there.
func readSymbols(payload []byte, have []riblt.Symbol) ([]riblt.Symbol, error) {
	r := runReader{rest: payload}
	n, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	from, err := r.uvarint()
	if err != nil {
		return nil, err
	}
	if from != uint64(len(have)) {
		return nil, malformed("symbols from %d after %d", from, len(have))
	}
	more, err := riblt.ReadSymbols(r.rest, len(have), n)
	if err != nil {
		return nil, malformed("%v", err)
	}
	return append(have, more...), nil
}

// leavesRequest asks for symbols, or for the entries themselves. It names the
// leaves that only the server has:
//
//	│ version 1 │ 0 │ root, 32 bytes │ salt, 8 bytes LE │ what, 1 byte │ first symbol, LEB128 │
//	│ how many, LEB128 │ n, LEB128 │ n ids of leaves, 8 bytes LE each │ the rest, by what │
type leavesRequest struct {
	root  cid.Cid
	salt  uint64
	what  byte
	first uint64          // symbol to begin with
	more  uint64          // so many symbols; 0: as many as the estimate asks for
	ids   []uint64        // of leaves
	est   riblt.Estimator // of the client's entries, for wantSymbols
	want  []uint64        // ids of entries, for wantEntries
}

const (
	wantLeaves  = 1 // more symbols of leaves
	wantSymbols = 2 // symbols of the leaves' entries, or all entries when that is less
	wantEntries = 3 // entries by their ids
)

func (q *leavesRequest) append(dst []byte) ([]byte, error) {
	dst, err := appendHash(append(dst, wireVersion, 0), q.root)
	if err != nil {
		return nil, err
	}
	dst = append(binary.LittleEndian.AppendUint64(dst, q.salt), q.what)
	dst = binary.AppendUvarint(binary.AppendUvarint(dst, q.first), q.more)
	dst = appendIDs(binary.AppendUvarint(dst, uint64(len(q.ids))), q.ids)
	switch q.what {
	case wantSymbols:
		dst = q.est.Append(dst)
	case wantEntries:
		dst = appendIDs(dst, q.want)
	}
	return dst, nil
}

func appendIDs(dst []byte, ids []uint64) []byte {
	for _, id := range ids {
		dst = binary.LittleEndian.AppendUint64(dst, id)
	}
	return dst
}

func (r *runReader) ids(n uint64) ([]uint64, error) {
	if n > uint64(len(r.rest))/8 {
		return nil, malformed("%d ids in %d bytes", n, len(r.rest))
	}
	ids := make([]uint64, n)
	for i := range ids {
		ids[i] = binary.LittleEndian.Uint64(r.rest[i*8:])
	}
	r.rest = r.rest[n*8:]
	return ids, nil
}

func parseLeaves(b []byte) (q leavesRequest, err error) {
	r, _, err := openRequest(b, 0)
	if err != nil {
		return q, err
	}
	if q.root, err = r.hash(); err != nil {
		return q, err
	}
	if q.salt, err = r.u64(); err != nil {
		return q, err
	}
	what, err := r.take(1)
	if err != nil {
		return q, err
	}
	q.what = what[0]
	var n uint64
	for _, to := range []*uint64{&q.first, &q.more, &n} {
		if *to, err = r.uvarint(); err != nil {
			return q, err
		}
	}
	if q.ids, err = r.ids(n); err != nil {
		return q, err
	}
	switch q.what {
	case wantLeaves:
	case wantSymbols:
		err = r.estimator(&q.est)
	case wantEntries:
		q.want, err = r.ids(uint64(len(r.rest)) / 8)
	default:
		err = malformed("a request for %d", q.what)
	}
	if err != nil {
		return q, err
	}
	return q, r.done()
}

// idSet returns ids as a set to look into.
func idSet(ids []uint64) map[uint64]struct{} {
	m := make(map[uint64]struct{}, len(ids))
	for _, id := range ids {
		m[id] = struct{}{}
	}
	return m
}

// sortKeys sorts keys.
func sortKeys(keys [][]byte) { slices.SortFunc(keys, bytes.Compare) }
