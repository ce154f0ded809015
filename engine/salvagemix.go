package engine

import (
	"bytes"
	"errors"

	"github.com/go-ds-prolly/go-ds-prolly/codec"
	"github.com/go-ds-prolly/go-ds-prolly/prolly"
)

// mostSide is how many leaves of a neighbour are held in memory at most.
const mostSide = 1 << 18

// mixtures tries what lies between the versions before and after: a leaf that changed
// in between changed in this version, or in the next.
func (m *mender) mixtures(i int, newest bool) (bool, error) {
	before, err := m.side(i, -1, newest)
	if err != nil {
		return false, err
	}
	after, err := m.side(i, 1, newest)
	if err != nil {
		return false, err
	}
	parts := partsOf(before, after)
	var holes []hole
	nothing := func(prolly.Child) error { return nil }
	err = m.leaves(prolly.Addr{Hash: m.trees[i]}, -1, hole{}, hole{}, nothing, func(h hole) error {
		holes = append(holes, h)
		return nil
	})
	if err != nil {
		return false, err
	}
	budget := mostLeaves
	for _, h := range holes {
		if ok, err := m.mixturesIn(h, parts, len(before), &budget); ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// side are the leaves of the i-th tree, with holes filled from the next tree in the
// direction of step that has no holes itself; none when there is no such, or too many.
func (m *mender) side(i, step int, newest bool) (list []prolly.Child, err error) {
	for d := 1; d <= neighbours; d++ {
		j := i + d*step
		if j < 0 || j >= len(m.trees) {
			break
		}
		ok, err := m.whole(prolly.Addr{Hash: m.trees[j]}, -1, hole{})
		if err != nil {
			return nil, err
		}
		if !ok {
			continue
		}
		err = m.filled(m.trees[i], m.trees[j], newest, func(c prolly.Child) error {
			if len(list) == mostSide {
				return errEnough
			}
			list = append(list, c)
			return nil
		})
		if errors.Is(err, errEnough) {
			return nil, nil
		}
		return list, err
	}
	return nil, nil
}

// mixturesIn tries the mixtures of what two versions have in one hole; budget is how
// many leaves, of n for each, may still be looked at.
func (m *mender) mixturesIn(h hole, parts []part, n int, budget *int) (bool, error) {
	bit := make([]int, len(parts)) // of the mask that chooses; -1: none
	choices := 0
	for i, p := range parts {
		bit[i] = -1
		if p.choice && rangesOf(map[codec.Hash]hole{{}: h}).has(p.key()) {
			bit[i] = choices
			choices++
		}
	}
	if choices > 30 || n<<choices > *budget {
		return false, nil
	}
	*budget -= n << choices
	for mask := range 1 << choices {
		ok, err := m.try(func(leaf func(prolly.Child) error) error {
			for i, p := range parts {
				side := 0
				if bit[i] >= 0 {
					side = mask >> bit[i] & 1
				}
				for _, c := range p.runs[side] {
					if err := leaf(c); err != nil {
						return err
					}
				}
			}
			return nil
		})
		if ok || err != nil {
			return ok, err
		}
	}
	return false, nil
}

// part is a run of leaves that two sequences share, or one of either.
type part struct {
	runs   [2][]prolly.Child
	choice bool
}

// key is one of its keys.
func (p part) key() []byte {
	if len(p.runs[0]) > 0 {
		return p.runs[0][0].Key
	}
	return p.runs[1][0].Key
}

func partsOf(a, b []prolly.Child) (parts []part) {
	if len(a) == 0 || len(b) == 0 {
		return nil
	}
	for len(a)+len(b) > 0 {
		n := 0
		for n < len(a) && n < len(b) && a[n].Addr.Hash == b[n].Addr.Hash {
			n++
		}
		if n > 0 {
			parts = append(parts, part{runs: [2][]prolly.Child{a[:n]}})
			a, b = a[n:], b[n:]
			continue
		}
		i, j := 0, 0 // until leaves of both begin with the same key again
		for i < len(a) && j < len(b) {
			c := bytes.Compare(a[i].Key, b[j].Key)
			if c == 0 && i+j > 0 {
				break
			}
			if c <= 0 {
				i++
			}
			if c >= 0 {
				j++
			}
		}
		if i == len(a) || j == len(b) {
			i, j = len(a), len(b)
		}
		parts = append(parts, part{[2][]prolly.Child{a[:i], b[:j]}, true})
		a, b = a[i:], b[j:]
	}
	return parts
}
