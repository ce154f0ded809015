package pebblekv

import (
	"context"
	"encoding/binary"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/kv"
)

// runsHeld is how many full runs may be in memory: one is filled while another is
// written. Who would have more waits.
const runsHeld = 2

// behind holds the nodes that were put behind and are not written yet. Runs
// are sealed when they are large enough, and written one after the other by a
// goroutine of their own.
type behind struct {
	limit int          // bytes of a run, about
	some  atomic.Int64 // nodes held; readers look no further when it is 0

	mu      sync.RWMutex
	byHash  pendingNodes
	filling nodeRun
	sealed  []*nodeRun // oldest first; the first may be being written
	waiting int        // bytes of those
	put     uint64
	written uint64
	bytes   uint64        // put so far
	shrunk  chan struct{} // closed, and made anew, when a run was written

	wake  chan struct{} // there is a sealed run, or the end
	end   chan struct{} // closed when no more will come
	ended chan struct{} // closed when the writer has gone
}

// pendingNode is a node that is not in Pebble.
type pendingNode struct {
	hash     codec.Hash
	at       id
	block    []byte
	children []kv.Hint
	number   uint64 // of all that were put behind
	refs     int    // times put, less times spared; 0: not needed
	next     *pendingNode
}

// pendingNodes are found by their hashes: in a map by the first bytes, and in a list
// of those that share them.
type pendingNodes struct {
	m map[uint64]*pendingNode
	n int
}

func pendingKey(h *codec.Hash) uint64 { return binary.LittleEndian.Uint64(h[:]) }

// get returns nil when the node is not there.
func (p *pendingNodes) get(h *codec.Hash) *pendingNode {
	n := p.m[pendingKey(h)]
	for n != nil && n.hash != *h {
		n = n.next
	}
	return n
}

// put adds a node that is not there.
func (p *pendingNodes) put(n *pendingNode) {
	k := pendingKey(&n.hash)
	n.next = p.m[k]
	p.m[k] = n
	p.n++
}

// remove takes out a node that is there.
func (p *pendingNodes) remove(n *pendingNode) {
	k := pendingKey(&n.hash)
	p.n--
	at := p.m[k]
	if at == n {
		if n.next == nil {
			delete(p.m, k)
		} else {
			p.m[k] = n.next
		}
		return
	}
	for at.next != n {
		at = at.next
	}
	at.next = n.next
}

// nodeRun is nodes that are written together.
type nodeRun struct {
	nodes []*pendingNode
	size  int    // bytes of those that are needed
	last  uint64 // the highest number
}

func (b *behind) init(limit int64) {
	b.limit = int(limit)
	b.byHash.m = map[uint64]*pendingNode{}
	b.shrunk = make(chan struct{})
	b.wake = make(chan struct{}, 1)
	b.end, b.ended = make(chan struct{}), make(chan struct{})
}

// find returns a copy of a node that is not written yet.
func (b *behind) find(h codec.Hash) (n kv.Node, ok bool) {
	if b.some.Load() == 0 {
		return n, false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.byHash.get(&h)
	if p == nil {
		return n, false
	}
	n.Block = append(make([]byte, 0, len(p.block)), p.block...)
	if len(p.children) > 0 {
		n.Children = slices.Clone(p.children)
	}
	return n, true
}

// at returns where a node will lie that is not written yet.
func (b *behind) at(h codec.Hash) (i id, ok bool) {
	if b.some.Load() == 0 {
		return i, false
	}
	b.mu.RLock()
	defer b.mu.RUnlock()
	p := b.byHash.get(&h)
	if p == nil {
		return i, false
	}
	return p.at, true
}

// add takes the nodes of a batch that is being committed.
func (b *behind) add(nodes []*pendingNode) {
	if len(nodes) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, n := range nodes {
		b.put++
		b.bytes += uint64(len(n.block))
		if old := b.byHash.get(&n.hash); old != nil {
			if !b.isSealed(old) {
				old.refs++
			}
			continue
		}
		n.number, n.refs = b.put, 1
		b.byHash.put(n)
		b.filling.nodes = append(b.filling.nodes, n)
		b.filling.size += len(n.block)
	}
	b.some.Store(int64(b.byHash.n))
	if b.filling.size >= b.limit {
		b.seal()
	}
}

// seal ends the run being filled. The lock is held.
func (b *behind) seal() {
	if len(b.filling.nodes) == 0 {
		if len(b.sealed) == 0 {
			b.written = b.put
		}
		return
	}
	r := b.filling
	r.last = b.put
	b.filling = nodeRun{}
	b.sealed = append(b.sealed, &r)
	b.waiting += r.size
	select {
	case b.wake <- struct{}{}:
	default:
	}
}

// spare implements kv.Behind.
func (b *behind) spare(nodes []codec.Hash, after uint64) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i := range nodes {
		n := b.byHash.get(&nodes[i])
		if n == nil || n.number <= after || b.isSealed(n) {
			continue
		}
		if n.refs--; n.refs == 0 {
			b.byHash.remove(n)
			b.filling.size -= len(n.block)
			n.block, n.children = nil, nil
		}
	}
	b.some.Store(int64(b.byHash.n))
	b.tidy()
}

// isSealed tells whether a node's run is being written, or will be as it is.
func (b *behind) isSealed(n *pendingNode) bool {
	return len(b.sealed) > 0 && n.number <= b.sealed[len(b.sealed)-1].last
}

// tidy forgets the nodes of the run being filled that are not needed, once they
// are most of it. The lock is held.
func (b *behind) tidy() {
	const few = 1 << 12
	if r := &b.filling; len(r.nodes) > few && b.byHash.n < len(r.nodes)/2 {
		r.nodes = slices.DeleteFunc(r.nodes, func(n *pendingNode) bool { return n.refs == 0 })
	}
}

// room waits until there is room for more nodes, or for the store to get stuck.
func (b *behind) room(ctx context.Context, f *failure) error {
	for {
		b.mu.RLock()
		full, shrunk := len(b.sealed) > 0 && b.waiting+b.filling.size >= runsHeld*b.limit, b.shrunk
		b.mu.RUnlock()
		if !full {
			return nil
		}
		begin := time.Now()
		if err := b.wait(ctx, f, shrunk); err != nil {
			return err
		}
		f.tell("wait for a run of nodes to be written", begin, 0)
	}
}

func (b *behind) wait(ctx context.Context, f *failure, shrunk <-chan struct{}) error {
	select {
	case <-shrunk:
		return f.err()
	case <-f.stuck:
		return f.err()
	case <-ctx.Done():
		return ctx.Err()
	}
}

// flush seals what there is and waits until it is written.
func (b *behind) flush(ctx context.Context, f *failure) error {
	b.mu.Lock()
	b.seal()
	want := b.put
	b.mu.Unlock()
	for {
		if err := f.err(); err != nil {
			return err
		}
		b.mu.RLock()
		done, shrunk := b.written >= want, b.shrunk
		b.mu.RUnlock()
		if done {
			return nil
		}
		if err := b.wait(ctx, f, shrunk); err != nil {
			return err
		}
	}
}

// next waits for a sealed run; nil at the end.
func (b *behind) next() *nodeRun {
	for {
		b.mu.RLock()
		var r *nodeRun
		if len(b.sealed) > 0 {
			r = b.sealed[0]
		}
		b.mu.RUnlock()
		if r != nil {
			return r
		}
		select {
		case <-b.wake:
		case <-b.end:
			return nil
		}
	}
}

// done notes that a run is written, or never will be.
func (b *behind) done(r *nodeRun, err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if err == nil {
		for _, n := range r.nodes {
			if n.refs > 0 {
				b.byHash.remove(n)
			}
		}
		b.some.Store(int64(b.byHash.n))
		b.written = r.last
		b.sealed = b.sealed[1:]
		b.waiting -= r.size
		if len(b.sealed) == 0 && len(b.filling.nodes) == 0 {
			b.written = b.put
		}
	}
	close(b.shrunk)
	b.shrunk = make(chan struct{})
}

// NewBehind implements kv.Behind.
func (s *Store) NewBehind() kv.Batch {
	b := s.NewBatch().(*batch)
	b.later = true
	return b
}

// Put implements kv.Behind.
func (s *Store) Put() uint64 {
	s.behind.mu.RLock()
	defer s.behind.mu.RUnlock()
	return s.behind.put
}

// Written implements kv.Behind.
func (s *Store) Written(mark uint64) bool {
	s.behind.mu.RLock()
	defer s.behind.mu.RUnlock()
	return s.behind.written >= mark
}

// WriteNodes implements kv.Behind.
func (s *Store) WriteNodes(ctx context.Context) (err error) {
	if err := s.enter(ctx); err != nil {
		return s.describe("write nodes", err)
	}
	defer s.leave("write nodes", &err)
	return s.behind.flush(ctx, s.failure)
}

// WriteSoon implements kv.Behind.
func (s *Store) WriteSoon() {
	s.behind.mu.Lock()
	s.behind.seal()
	s.behind.mu.Unlock()
}

// Spare implements kv.Behind.
func (s *Store) Spare(nodes []codec.Hash, after uint64) {
	if len(nodes) > 0 {
		s.behind.spare(nodes, after)
	}
}
