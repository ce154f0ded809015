package engine

import "sync"

// pin keeps a state of a branch, its trees and what is staged over them, from
// being collected as garbage.
type pin struct {
	st  *state
	seq uint64
	b   *Branch // whose state it is; nil: nobody knows
	set bool    // it holds; before, its state may be one that went long ago
}

// pins are all pins of an engine.
type pins struct {
	e  *Engine
	mu sync.Mutex
	m  map[*pin]struct{}
}

// add pins a state that may be of any branch.
func (p *pins) add(st *state) *pin { return p.insert(&pin{st: st, set: true}) }

// addOf pins the state of b while that cannot change.
func (p *pins) addOf(b *Branch, st *state) *pin {
	return p.insert(&pin{st: st, b: b, set: true})
}

// try pins a state of b that may be b's no longer, and may be gone from the
// store: no collection looks for it before sure says that it is.
func (p *pins) try(b *Branch, st *state) *pin { return p.insert(&pin{st: st, b: b}) }

func (p *pins) sure(n *pin) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	n.set = n.b.state.Load() == n.st
	return n.set
}

func (p *pins) insert(n *pin) *pin {
	st := n.st
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
	if n.set {
		p.e.leaving(n.st)
	}
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
		if n.set {
			r = append(r, n.st)
		}
	}
	return r
}

// pin pins the branch as it is now. What was its state when the pin was there
// already is needed: a collection that looked for pins before finds it with the
// branch, or as it leaves that.
func (b *Branch) pin() (*pin, error) {
	for {
		st := b.state.Load()
		if st.gone {
			return nil, b.errGone()
		}
		p := b.e.pins.try(b, st)
		if b.e.pins.sure(p) {
			return p, nil
		}
		b.e.pins.remove(p)
	}
}
