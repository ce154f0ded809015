package engine

import "sync"

// pin keeps a state of a branch, its trees and what is staged over them, from
// being collected as garbage.
type pin struct {
	st  *state
	seq uint64
	b   *Branch // whose state it is; nil: nobody knows
}

// pins are all pins of an engine.
type pins struct {
	e  *Engine
	mu sync.Mutex
	m  map[*pin]struct{}
}

// add pins a state that may be of any branch.
func (p *pins) add(st *state) *pin { return p.addOf(nil, st) }

func (p *pins) addOf(b *Branch, st *state) *pin {
	n := &pin{st: st, b: b}
	if len(st.layers) > 0 {
		n.seq = st.seq()
	}
	p.mu.Lock()
	if p.m == nil {
		p.m = map[*pin]struct{}{}
	}
	p.m[n] = struct{}{}
	p.mu.Unlock()
	return n
}

func (p *pins) remove(n *pin) {
	p.mu.Lock()
	p.e.leaving(n.st)
	delete(p.m, n)
	p.mu.Unlock()
}

// keepTrees makes a pin let go of what is staged.
func (p *pins) keepTrees(n *pin) {
	p.mu.Lock()
	p.e.leaving(n.st)
	n.st = n.st.with(nil)
	p.mu.Unlock()
}

// hold tells whether a state is pinned that may be the branch's.
func (p *pins) hold(b *Branch) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for n := range p.m {
		if n.b == nil || n.b == b {
			return true
		}
	}
	return false
}

func (p *pins) len() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return len(p.m)
}

func (p *pins) states() []*state {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := make([]*state, 0, len(p.m))
	for n := range p.m {
		r = append(r, n.st)
	}
	return r
}

// pin pins the branch as it is now. A collection that began in between has
// marked the state only if it was still the branch's when the pin was set.
func (b *Branch) pin() (*pin, error) {
	for {
		st := b.state.Load()
		if st.gone {
			return nil, b.errGone()
		}
		p := b.e.pins.addOf(b, st)
		if b.state.Load() == st {
			return p, nil
		}
		b.e.pins.remove(p)
	}
}
