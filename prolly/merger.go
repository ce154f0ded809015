package prolly

// merger yields the items of a level as the edits leave them, from some node on,
// into the pass's region or, to peek, one at a time.
type merger struct {
	p   *levelPass
	cur cursor

	i      int // next item of the node at cur
	lo, hi int // its edits
	e      int // next edit
	at     int // the item that edit e stands at or before
	hit    bool

	peek   bool // fill key and weight instead of the region
	key    []byte
	weight int
	begun  begun
	closed bool // the cut at which begun begins is left alone, and the region ends there
}

// enter begins the node at m.cur, whose edits start at e, after the node prev.
func (m *merger) enter(e int, prev *Node) {
	n := m.cur.node()
	m.i, m.lo, m.e = 0, e, e
	m.hi = m.p.editsIn(&m.cur, e)
	m.find()
	if m.peek {
		return
	}
	effect := nothing
	if m.lo < m.hi {
		effect = m.p.effect(n, m.lo, m.hi)
	}
	a := m.cur.addr()
	m.begun = begun{node: n, prev: prev, addr: a, clean: effect == nothing, fixed: effect != movesCuts}
	gone := child{}
	gone.Key, gone.Child, gone.node = m.p.arena.key(n, 0), a.Hash, n
	m.p.region.gone = append(m.p.region.gone, gone)
}

// find looks up where the next edit stands.
func (m *merger) find() {
	m.at, m.hit = m.cur.node().Len(), false
	if m.e < m.hi {
		m.at, m.hit = m.cur.node().Find(m.p.in.key(m.e))
	}
}

// next takes one more item; false at the end of the level, or of the region.
func (m *merger) next() (bool, error) {
	for {
		n := m.cur.node()
		switch {
		case m.i < m.at:
			m.takeOld(n)
			return true, nil
		case m.e < m.hi:
			if m.takeEdit() {
				return true, nil
			}
		default:
			more, err := m.cur.nextNode()
			if err != nil || !more {
				return false, err
			}
			if m.enter(m.hi, n); m.closes() {
				m.closed = true
				return false, nil
			}
		}
	}
}

// closes tells whether the region ends where the node begins that was just
// entered, which shows before any item of it is looked at.
func (m *merger) closes() bool {
	return !m.peek && m.p.alone(&m.begun) && m.p.region.chunk.cuts1(m.begun.node.priority())
}

// takeOld takes the next item of the node.
func (m *merger) takeOld(n *Node) {
	if m.peek {
		m.key, m.weight = n.AppendKey(m.key[:0], m.i), n.ItemWeight(m.i)
	} else {
		m.p.region.items.appendNode(&m.p.keys, n, m.i)
		m.taken(m.i == 0)
	}
	m.i++
}

// takeEdit takes the next edit; false when it only deletes.
func (m *merger) takeEdit() bool {
	e, hit, first := m.e, m.hit, m.i == 0
	if hit {
		m.i++
	}
	m.e++
	m.find()
	if m.p.in.del[e] {
		return false
	}
	if m.peek {
		m.key, m.weight = append(m.key[:0], m.p.in.key(e)...), m.p.in.weight(e)
	} else {
		m.p.region.items.appendFrom(&m.p.in.items, e)
		m.taken(hit && first)
	}
	return true
}

// taken lets the chunker see the newest item. begins says that it has the
// first key of the node.
func (m *merger) taken(begins bool) {
	r := &m.p.region
	i := r.items.len() - 1
	if begins {
		m.begun.at = i
		r.begun = append(r.begun, m.begun)
	}
	r.chunk.push(priority1(m.p.level, r.items.key(i)), r.items.weight(i))
}
