package prolly

import "github.com/go-ds-prolly/go-ds-prolly/codec"

// items is a run of a level's items on their way into nodes: entries at level
// 0, children above.
type items struct {
	level int
	leaf  []codec.LeafEntry
	inner []codec.InnerEntry
	hints []Hint // of inner
}

func (s *items) len() int {
	if s.level == 0 {
		return len(s.leaf)
	}
	return len(s.inner)
}

func (s *items) key(i int) []byte {
	if s.level == 0 {
		return s.leaf[i].Key
	}
	return s.inner[i].Key
}

// weight of item i: FORMAT.md, section 3.
func (s *items) weight(i int) int {
	if s.level == 0 {
		return leafWeight(&s.leaf[i])
	}
	return codec.InnerWeight(len(s.inner[i].Key))
}

func leafWeight(e *codec.LeafEntry) int {
	if e.Kind == codec.Inline {
		return codec.LeafWeight(len(e.Key), e.Kind, len(e.Value))
	}
	return codec.LeafWeight(len(e.Key), e.Kind, len(e.Link))
}

// drop removes the first n items.
func (s *items) drop(n int) {
	if s.level == 0 {
		s.leaf = s.leaf[:copy(s.leaf, s.leaf[n:])]
		return
	}
	s.inner = s.inner[:copy(s.inner, s.inner[n:])]
	s.hints = s.hints[:copy(s.hints, s.hints[n:])]
}

func (s *items) reset(level int) {
	s.level = level
	s.leaf, s.inner, s.hints = s.leaf[:0], s.inner[:0], s.hints[:0]
}

// appendFrom adds item j of o, which has the same level. Bytes are shared.
func (s *items) appendFrom(o *items, j int) {
	if s.level == 0 {
		s.leaf = append(s.leaf, o.leaf[j])
		return
	}
	s.inner = append(s.inner, o.inner[j])
	s.hints = append(s.hints, o.hints[j])
}

// appendNode adds item j of a stored node. The key is built in a; the other bytes
// are the node's.
func (s *items) appendNode(k *keys, n *Node, j int) {
	key := k.of(n, j)
	if s.level == 0 {
		s.leaf = append(s.leaf, leafEntry(n, j, key))
		return
	}
	s.inner = append(s.inner, codec.InnerEntry{
		Key: key, Child: n.Child(j), Count: n.Count(j), Bytes: n.Bytes(j),
	})
	s.hints = append(s.hints, n.hint(j))
}

func leafEntry(n *Node, j int, key []byte) codec.LeafEntry {
	e := codec.LeafEntry{Key: key, Kind: n.Kind(j)}
	switch e.Kind {
	case codec.Inline:
		e.Value = n.Inline(j)
	case codec.Blob:
		e.Size, e.Link = n.Size(j), n.Link(j)
	case codec.Link:
		e.Link = n.Link(j)
	}
	return e
}

// sums returns how many entries stand below items [lo, hi), and their bytes.
func (s *items) sums(lo, hi int) (count, bytes uint64) {
	if s.level > 0 {
		for _, e := range s.inner[lo:hi] {
			count += e.Count
			bytes += e.Bytes
		}
		return count, bytes
	}
	for i := range s.leaf[lo:hi] {
		e := &s.leaf[lo+i]
		bytes += uint64(len(e.Key)) + entrySize(e)
	}
	return uint64(hi - lo), bytes
}

// entrySize is the length of a value; a link counts its CID's.
func entrySize(e *codec.LeafEntry) uint64 {
	switch e.Kind {
	case codec.Inline:
		return uint64(len(e.Value))
	case codec.Blob:
		return e.Size
	}
	return uint64(len(e.Link))
}

// arena gives out small byte slices from larger allocations, which grow with
// the use. They live as long as anyone refers to them.
type arena struct {
	free []byte
	size int // of the last allocation
}

const (
	arenaMin = 1 << 10
	arenaMax = 32 << 10
)

func (a *arena) alloc(n int) []byte {
	if n > len(a.free) {
		a.size = min(max(2*a.size, arenaMin), arenaMax)
		a.free = make([]byte, max(a.size, n))
	}
	b := a.free[:n:n]
	a.free = a.free[n:]
	return b
}

func (a *arena) clone(b []byte) []byte {
	if b == nil {
		return nil
	}
	c := a.alloc(len(b))
	copy(c, b)
	return c
}

// key builds the whole key of item j.
func (a *arena) key(n *Node, j int) []byte {
	b := a.alloc(n.KeyLen(j))
	return n.AppendKey(b[:0], j)
}

// keys holds the keys of items in memory that is used again and again. They are
// valid until the next reset or, for those that move, move.
type keys struct {
	buf, spare []byte
}

// keysTidy is at which size, in bytes, keys that are not needed are worth being
// left behind.
const keysTidy = 32 << 10

// of builds the whole key of item j of a node.
func (k *keys) of(n *Node, j int) []byte {
	size := n.KeyLen(j)
	if len(k.buf)+size > cap(k.buf) { // what is in use stays where it is
		k.buf = make([]byte, 0, max(2*cap(k.buf), keysTidy, size))
	}
	at := len(k.buf)
	k.buf = n.AppendKey(k.buf, j)
	return k.buf[at:len(k.buf):len(k.buf)]
}

func (k *keys) reset() { k.buf = k.buf[:0] }

// move leaves behind all keys but those of s.
func (k *keys) move(s *items) {
	need := 0
	for i := range s.len() {
		need += len(s.key(i))
	}
	if len(k.buf) < keysTidy || len(k.buf) < 4*need {
		return
	}
	to := k.spare[:0]
	if cap(to) < need {
		to = make([]byte, 0, max(need, keysTidy))
	}
	for i := range s.len() {
		at := len(to)
		to = append(to, s.key(i)...)
		s.setKey(i, to[at:len(to):len(to)])
	}
	k.buf, k.spare = to, k.buf
}

func (s *items) setKey(i int, key []byte) {
	if s.level == 0 {
		s.leaf[i].Key = key
		return
	}
	s.inner[i].Key = key
}

// set replaces item i by item j of o.
func (s *items) set(i int, o *items, j int) {
	if s.level == 0 {
		s.leaf[i] = o.leaf[j]
		return
	}
	s.inner[i], s.hints[i] = o.inner[j], o.hints[j]
}
