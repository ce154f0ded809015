package engine

import (
	"bytes"
	"slices"

	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// staging brings ops into the log and into a layer. Their bytes are copied once,
// into a record in the layer's memory, where the layer goes on to use them. They
// are added in key order, so that each finds its place near the one before. The
// write gate guards it.
type staging struct {
	places []place // of each op
	order  []opOrder
	batch  kv.Batch // the last one, if it can be used again
}

// batchOf returns an empty batch, to be used before the next write.
func (s *staging) batchOf(store kv.Store) kv.Batch {
	if r, ok := s.batch.(kv.Renewable); ok {
		r.Renew()
	} else {
		s.batch = store.NewBatch()
	}
	return s.batch
}

// opOrder is an op among others: its number, and the beginning of its key.
type opOrder struct {
	prefix uint64
	index  uint32
	root   rootID
}

// stagingKeep is for how many ops memory is kept between writes.
const stagingKeep = 1 << 15

// encode makes a record of ops in the layer's memory, from number at on. Only
// add makes the layer use it.
func (s *staging) encode(l *layer, seq uint64, ops []op) (at uint32, rec []byte, err error) {
	at, rec = l.bytes.alloc(recordLen(ops))
	if at == 0 {
		return 0, nil, errOverlayFull
	}
	if s.places = s.places[:0]; cap(s.places) > stagingKeep {
		s.places, s.order = nil, nil
	}
	s.places = slices.Grow(s.places, len(ops))
	rec = appendRecordHead(rec[:0], len(ops))
	for i := range ops {
		o := &ops[i]
		rec = appendOp(rec, o)
		p := place{keyLen: uint32(len(o.key)), dataLen: uint32(len(o.data)), data: at + uint32(len(rec)-len(o.data))}
		p.key = p.data - p.keyLen
		if o.kind != opDelete {
			p.key -= uint32(uvarintLen(len(o.data)))
		}
		s.places = append(s.places, p)
	}
	return at, sealRecord(rec, seq), nil
}

// add stages ops that encode has made a record of, which nobody sees before
// they are published.
func (s *staging) add(l *layer, seq uint64, ops []op) error {
	if len(ops) == 1 {
		o, over, p := &ops[0], l.over[ops[0].root], s.places[0]
		p.prefix = over.prefix(o.key)
		return over.addAt(over.seek(o.key, p.prefix), p, seq, o.kind)
	}
	s.sort(l, ops)
	for i, x := range s.order {
		o, over, p := &ops[x.index], l.over[x.root], s.places[x.index]
		p.prefix = x.prefix
		key := over.slice(p.key, p.keyLen)
		var at spot
		if i > 0 && s.order[i-1].root == x.root {
			at = over.seekOn(key, p.prefix)
		} else {
			at = over.seek(key, p.prefix)
		}
		if err := over.addAt(at, p, seq, o.kind); err != nil {
			return err
		}
	}
	return nil
}

// sort puts the ops in order: by tree, key, and the order in which they came.
func (s *staging) sort(l *layer, ops []op) {
	s.order = slices.Grow(s.order[:0], len(ops))
	for i := range ops {
		o := &ops[i]
		s.order = append(s.order, opOrder{l.over[o.root].prefix(o.key), uint32(i), o.root})
	}
	slices.SortFunc(s.order, func(a, b opOrder) int {
		switch {
		case a.root != b.root:
			return int(a.root) - int(b.root)
		case a.prefix < b.prefix:
			return -1
		case a.prefix > b.prefix:
			return 1
		}
		if c := bytes.Compare(ops[a.index].key, ops[b.index].key); c != 0 {
			return c
		}
		return int(a.index) - int(b.index)
	})
}
