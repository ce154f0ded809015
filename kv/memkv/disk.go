package memkv

import (
	"encoding/binary"
	"fmt"
	"sync"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// Options of a Disk. The zero value is good.
type Options struct {
	// MovingHints makes PutNode give hints that lead somewhere, as a store on
	// a disk does. Those of earlier Stores, and all hints before a sweep, lead
	// nowhere, so that whoever relies on a hint is found out.
	MovingHints bool
}

// Disk keeps the state of a store while none is open on it. All methods may
// be called by several goroutines at once.
type Disk struct {
	o Options

	mu   sync.Mutex
	open bool
	s    state
}

// state is all that a store holds.
type state struct {
	nodes map[codec.Hash]node
	at    map[kv.Hint]codec.Hash
	blobs map[string][]byte
	refs  map[string][]byte
	logs  map[string][]kv.Record

	generation uint64 // of the hints that lead somewhere
	sequence   uint64 // of the last hint given
}

// node is a stored node and the hint that leads to it.
type node struct {
	kv.Node
	at kv.Hint
}

// NewDisk returns an empty Disk.
func NewDisk(o Options) *Disk {
	return &Disk{o: o, s: state{
		nodes: map[codec.Hash]node{},
		at:    map[kv.Hint]codec.Hash{},
		blobs: map[string][]byte{},
		refs:  map[string][]byte{},
		logs:  map[string][]kv.Record{},
	}}
}

// Open returns a Store over what the Disk holds. It answers kv.ErrLocked while
// another is open (M1).
func (d *Disk) Open() (*Store, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.open {
		return nil, fmt.Errorf("memkv: open: %w", kv.ErrLocked)
	}
	d.open = true
	s := &Store{disk: d, state: d.s, moving: d.o.MovingHints}
	s.moveHints()
	return s, nil
}

// giveBack keeps the state of a store that closes.
func (d *Disk) giveBack(s state) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.s, d.open = s, false
}

// nextHint returns a hint that was never given before, or the zero Hint.
func (s *Store) nextHint() kv.Hint {
	var h kv.Hint
	if s.moving {
		s.sequence++
		binary.BigEndian.PutUint64(h[:8], s.generation)
		binary.BigEndian.PutUint64(h[8:], s.sequence)
	}
	return h
}

// moveHints makes every hint given so far lead nowhere, and gives the nodes
// new ones.
func (s *Store) moveHints() {
	if !s.moving {
		return
	}
	s.generation++
	clear(s.at)
	for h, n := range s.nodes {
		n.at = s.nextHint()
		s.nodes[h], s.at[n.at] = n, h
	}
}
